//! From descriptions to nodes.
//!
//! Lowering visits a description's inputs before itself, without recursion: a chain may be as long as memory allows.
//! Each description becomes one node, found again by its number.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use super::{Described, Label, Outcome, Pending, Value, Wake};
use crate::bindings::{Bindings, Unbound};
use crate::cache::Cache;
use crate::engine::NodeKind;
use crate::error::Failure;
use crate::ids::{JobId, KeyDigest, OpId};
use crate::incr::{Compute, Graph, Id, Node};
use crate::monitor::Monitors;
use crate::op::Place;

/// What nodes reach while they are computed.
pub struct World {
    pub(crate) cache: Cache,
    pub(crate) monitors: Monitors,
    pub(crate) wake: Wake,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

/// How a description becomes a node.
pub(crate) trait Plan: Send + Sync + 'static {
    /// What it is called.
    fn label(&self) -> Label;
    /// The descriptions that it is made of, in order.
    fn inputs(&self) -> Vec<Arc<Described>>;
    /// Makes the node. `inputs` are the nodes of [`Plan::inputs`], in order.
    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered>;
}

/// An operation that can't be made, with its label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}: {unbound}")]
pub struct NotLowered {
    label: String,
    unbound: Unbound,
}

impl NotLowered {
    pub(super) fn new(label: &Label, unbound: Unbound) -> Self {
        Self { label: label.to_string(), unbound }
    }
}

/// A node as people see it.
pub(crate) struct Shown {
    pub(crate) id: Id,
    pub(crate) label: Label,
    pub(crate) kind: NodeKind,
    pub(crate) inputs: Vec<Id>,
    pub(crate) state: StateOf,
    pub(crate) stale: Option<StaleOf>,
    pub(crate) stage: Option<StageOf>,
}

/// What an operation's node is about.
pub(crate) struct Stage {
    pub(crate) op: OpId,
    pub(crate) publishes: bool,
    /// For a publisher whose place does not depend on its input.
    pub(crate) place: Option<Place>,
    /// What it would do, as far as that is known.
    pub(crate) would: Option<String>,
    pub(crate) asked: Option<Asked>,
    /// The newest job for what it asks for now.
    pub(crate) job: Option<JobId>,
    /// What is there instead of what was published.
    pub(crate) drift: Option<Arc<Failure>>,
}

/// What an operation's node asks for, or, while its input has no value, asked for last.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) key: KeyDigest,
    pub(crate) summary: Arc<str>,
}

/// Asks a node for its state: `None` when it has its value.
pub(crate) type StateOf = Box<dyn Fn(&Graph<World>) -> Option<(Id, Pending)> + Send>;
/// Asks a monitor's node why its value is not fresh; `None` when it is.
pub(crate) type StaleOf = Box<dyn Fn(&mut Graph<World>) -> Option<Arc<Failure>> + Send>;

/// Asks an operation's node what it is about.
pub(crate) type StageOf = Box<dyn Fn(&mut Graph<World>) -> Stage + Send>;

/// One pipeline being lowered to one graph.
pub(crate) struct Lowering<'a> {
    pub(crate) graph: &'a mut Graph<World>,
    pub(crate) bindings: &'a Bindings,
    pub(crate) shown: Vec<Shown>,
    nodes: HashMap<u64, Id>,
    contexts: HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(graph: &'a mut Graph<World>, bindings: &'a Bindings) -> Self {
        Self { graph, bindings, shown: Vec::new(), nodes: HashMap::new(), contexts: HashMap::new() }
    }

    /// The node of `root`, made with everything it needs.
    pub(crate) fn lower(&mut self, root: &Arc<Described>) -> Result<Id, NotLowered> {
        let mut stack = vec![root.clone()];
        while let Some(described) = stack.last().cloned() {
            if self.nodes.contains_key(&described.number) {
                stack.pop();
                continue;
            }
            let inputs = described.plan.inputs();
            let before = stack.len();
            // The first is made first: people see nodes in the order in which they were written.
            stack.extend(inputs.iter().rev().filter(|i| !self.nodes.contains_key(&i.number)).cloned());
            if stack.len() == before {
                let inputs: Vec<Id> = inputs.iter().map(|i| self.nodes[&i.number]).collect();
                let id = described.plan.lower(&inputs, self)?;
                self.nodes.insert(described.number, id);
                stack.pop();
            }
        }
        Ok(self.nodes[&root.number])
    }

    /// Adds a node and notes how it is shown.
    pub(crate) fn add<T: Value, C: Compute<World, Value = Outcome<T>>>(
        &mut self,
        label: Label,
        inputs: &[Id],
        cell: C,
        slots: bool,
    ) -> Node<Outcome<T>> {
        let node = match slots {
            true => self.graph.insert_with_slots(inputs, cell),
            false => self.graph.insert(inputs, cell),
        };
        let state = Box::new(move |graph: &Graph<World>| match graph.get(node) {
            Some(Err(reason)) => Some((reason.origin, reason.what.clone())),
            Some(Ok(_)) => None,
            None => Some((node.id(), Pending::Active(super::Activity::Queued))),
        });
        self.shown.push(Shown {
            id: node.id(),
            kind: match &*label {
                "gate" => NodeKind::Gate,
                "constant" | "input" => NodeKind::Constant,
                _ => NodeKind::Combinator,
            },
            label,
            inputs: inputs.to_vec(),
            state,
            stale: None,
            stage: None,
        });
        node
    }

    /// The context of an operation on a binding, made once for all its nodes.
    pub(crate) fn context<C: Any + Send + Sync>(
        &mut self,
        label: &Label,
        on: &str,
        make: impl FnOnce(&Bindings) -> Result<C, Unbound>,
    ) -> Result<(Arc<C>, bool), NotLowered> {
        let name = (TypeId::of::<C>(), on.to_owned());
        if let Some(known) = self.contexts.get(&name).cloned()
            && let Ok(context) = known.downcast::<C>()
        {
            return Ok((context, false));
        }
        let context = make(self.bindings).map(Arc::new).map_err(|unbound| NotLowered::new(label, unbound))?;
        self.contexts.insert(name, context.clone());
        Ok((context, true))
    }
}
