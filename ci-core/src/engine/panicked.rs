//! Nodes that panicked where no failure could be made of it: in code of a value's type, as its `PartialEq`. They keep the
//! value that they had, of which nobody knows whether it still holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::current::World;
use crate::doubt::{Doubt, Doubts};
use crate::error::{Failure, OpError};
use crate::incr::{Graph, Id, Stats};

/// Those that have not run well since. Each is a doubt.
#[derive(Debug, Default)]
pub(super) struct Panicked(BTreeMap<Id, Old>);

#[derive(Debug)]
struct Old {
    step: u64,
    doubt: Doubt,
}

impl Panicked {
    /// After a step of the graph.
    pub(super) fn after(&mut self, graph: &Graph<World>, stats: &Stats, doubts: &Doubts) {
        self.0.retain(|node, old| graph.why(*node).is_some_and(|why| why.step == old.step));
        for (node, message) in &stats.panicked {
            let Some(why) = graph.why(*node) else { continue };
            let error = OpError::permanent(format!("panicked: {message}"))
                .with_hint("a type that the pipeline uses panicked: its equality, its clone, or its form");
            let doubt = doubts.of(Arc::new(Failure::from(&error)));
            self.0.insert(*node, Old { step: why.step, doubt });
        }
    }

    /// Why there is no value at the end, if it is for that.
    pub(super) fn first(&self) -> Option<&Arc<Failure>> {
        self.0.values().next().map(|old| &old.doubt.why)
    }

    /// Why a node's value is old.
    pub(super) fn of(&self, node: Id) -> Option<&Arc<Failure>> {
        self.0.get(&node).map(|old| &old.doubt.why)
    }
}
