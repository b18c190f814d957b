//! From descriptions to nodes.
//!
//! Lowering visits a description's inputs before itself, without recursion: a chain may be as long as memory allows.
//! Each description becomes one node, found again by its number: in what is lowered with it, and outside of that in
//! the [homes](super::home) around it.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::home::{HomeNo, Homes};
use super::sweep::Sweep;
use super::tally::{Counted, Tally};
use super::{Described, Label, Outcome, Value, Wake};
use crate::bindings::{Bindings, DEFAULT, Unbound};
use crate::cache::Cache;
use crate::doubt::Doubts;
use crate::error::OpError;
use crate::incr::{Compute, Graph, Id, Node};
use crate::monitor::Monitors;
use crate::secret::Secrets;

/// What nodes reach while they are computed.
pub struct World {
    pub(crate) cache: Cache,
    pub(crate) monitors: Monitors,
    pub(crate) wake: Wake,
    pub(crate) doubts: Doubts,
    pub(crate) tally: Tally,
    bindings: Bindings,
    contexts: HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>,
    homes: Homes,
    /// Nodes that stand in a context of their own, with those that people are to see before them.
    within: HashMap<Id, Vec<Id>>,
    /// Of released ones.
    sweep: Sweep,
}

impl World {
    /// What is told to nobody.
    pub(crate) fn secrets(&self) -> Secrets {
        self.bindings.get(DEFAULT).unwrap_or_default()
    }

    pub(crate) fn new(cache: Cache, monitors: Monitors, doubts: Doubts, bindings: Bindings) -> Self {
        Self {
            cache,
            monitors,
            doubts,
            bindings,
            wake: Wake::default(),
            tally: Tally::default(),
            contexts: HashMap::new(),
            homes: Homes::default(),
            within: HashMap::new(),
            sweep: Sweep::default(),
        }
    }

    /// What people are to see before a node, beside what it reads.
    pub(crate) fn context_of(&self, node: Id) -> &[Id] {
        self.within.get(&node).map_or(&[], Vec::as_slice)
    }
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
    /// The same, with a result that is used for no longer than that. `None`: it is no operation.
    fn valid_for(&self, time: Duration) -> Option<Box<dyn Plan>> {
        let _ = time;
        None
    }
    /// Whether the node can be made: asked of a whole part of the pipeline before any of it is.
    fn check(&self, to: &mut Lowering<'_>) -> Result<(), NotLowered> {
        let _ = to;
        Ok(())
    }
    /// Makes the node. `inputs` are the nodes of [`Plan::inputs`], in order.
    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered>;
}

/// Something that can't be made a part of the pipeline, with its label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}: {why}")]
pub struct NotLowered {
    label: String,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Unbound(#[from] Unbound),
    #[error("it belongs to another part of the pipeline, or to another engine")]
    Foreign,
}

impl NotLowered {
    pub(super) fn new(label: &Label, unbound: Unbound) -> Self {
        Self { label: label.to_string(), why: unbound.into() }
    }

    /// It was carried out of the closure that it was given to.
    pub(super) fn foreign(label: &Label) -> Self {
        Self { label: label.to_string(), why: Why::Foreign }
    }

    /// As the failure of what it would have been a part of.
    pub(super) fn failure(&self) -> OpError {
        OpError::permanent(self.to_string())
    }
}

/// A part of a pipeline being lowered to the graph's current scope.
pub(crate) struct Lowering<'a> {
    pub(crate) graph: &'a mut Graph<World>,
    /// The home around it.
    parent: Option<HomeNo>,
    /// Its own, if somebody asked for it.
    home: Option<HomeNo>,
    /// It is only to be seen: what stands for the element that there is none of.
    preview: Option<Id>,
    nodes: HashMap<u64, Id>,
    made: Vec<(Arc<Described>, Id)>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(graph: &'a mut Graph<World>, parent: Option<HomeNo>) -> Self {
        let preview = parent.and_then(|home| graph.world().homes.preview(home));
        Self { graph, parent, home: None, preview, nodes: HashMap::new(), made: Vec::new() }
    }

    /// A part that is only to be seen: nothing in it does anything, whatever it is made of.
    pub(super) fn preview(mut self, item: Id) -> Self {
        self.preview = Some(item);
        self
    }

    /// For what does something: counted with the others, unless it does nothing.
    pub(super) fn counted(&self) -> Option<Counted> {
        self.preview.is_none().then(|| Counted::new(&self.graph.world().tally))
    }

    /// Why nothing is to be done here.
    pub(super) fn held_by(&self) -> Option<Id> {
        self.preview
    }

    /// The node of `root`, made with everything it needs that is not there already.
    pub(crate) fn lower<T: Value>(mut self, root: super::Current<T>) -> Result<Node<Outcome<T>>, NotLowered> {
        let mut stack = vec![root.description().clone()];
        let number = root.description().number;
        drop(root);
        let (mut order, mut planned) = (Vec::new(), HashSet::new());
        while let Some(described) = stack.last().cloned() {
            if planned.contains(&described.number) || self.find(described.number).is_some() {
                stack.pop();
                continue;
            }
            let before = stack.len();
            // The first is made first: people see nodes in the order in which they were written.
            let needed = described.contexts().into_iter().chain(described.plan.inputs()).rev();
            stack.extend(needed.filter(|i| !planned.contains(&i.number) && self.find(i.number).is_none()));
            if stack.len() == before {
                described.plan.check(&mut self)?;
                planned.insert(described.number);
                order.push(described);
                stack.pop();
            }
        }
        for described in order {
            let known = |i: &Arc<Described>| self.find(i.number).expect("because it was made before");
            let inputs: Vec<Id> = described.plan.inputs().iter().map(known).collect();
            let contexts: Vec<Id> = described.contexts().iter().map(known).collect();
            let id = described.plan.lower(&inputs, &mut self)?;
            if !contexts.is_empty() {
                self.stands_within(id, contexts);
            }
            self.nodes.insert(described.number, id);
            self.made.push((described, id));
        }
        let root = self.find(number).expect("because it was made before");
        self.remember();
        Ok(root.typed())
    }

    fn find(&self, number: u64) -> Option<Id> {
        let known = self.nodes.get(&number).copied();
        known.or_else(|| self.graph.world().homes.find(self.parent, number))
    }

    /// Keeps what can be asked for later, and lets go of the rest.
    fn remember(mut self) {
        let mut kept = HashMap::new();
        // Users before what they use: a description that only they hold is let go of with them.
        while let Some((described, id)) = self.made.pop() {
            if self.home.is_some() && Arc::strong_count(&described) > 1 {
                kept.insert(described.number, id);
            }
        }
        if let Some(home) = self.home.and_then(|no| self.graph.world_mut().homes.get_mut(no)) {
            home.nodes = kept;
        }
    }

    fn stands_within(&mut self, node: Id, contexts: Vec<Id>) {
        let mut within = std::mem::take(&mut self.graph.world_mut().within);
        if self.graph.world().sweep.is_due(within.len()) {
            within.retain(|node, _| self.graph.is_live(*node));
            self.graph.world_mut().sweep.leaves(within.len());
        }
        within.insert(node, contexts);
        self.graph.world_mut().within = within;
    }

    /// Where what a node makes later finds what stands here.
    pub(super) fn home(&mut self) -> HomeNo {
        if let Some(home) = self.home {
            return home;
        }
        let scope = self.graph.current_scope();
        let mut homes = std::mem::take(&mut self.graph.world_mut().homes);
        let home = homes.open(self.parent, scope, self.preview, |scope| self.graph.is_open(scope));
        self.graph.world_mut().homes = homes;
        self.home = Some(home);
        home
    }

    /// Adds a node.
    pub(super) fn add<T: Value, C: Compute<World, Value = Outcome<T>>>(
        &mut self,
        inputs: &[Id],
        cell: C,
    ) -> Node<Outcome<T>> {
        self.graph.insert(inputs, cell)
    }

    pub(crate) fn bindings(&self) -> &Bindings {
        &self.graph.world().bindings
    }

    /// The context of an operation on a binding, made once for all its nodes.
    pub(crate) fn context<C: Any + Send + Sync>(
        &mut self,
        label: &Label,
        on: &str,
        make: impl FnOnce(&Bindings) -> Result<C, Unbound>,
    ) -> Result<(Arc<C>, bool), NotLowered> {
        let name = (TypeId::of::<C>(), on.to_owned());
        let world = self.graph.world_mut();
        if let Some(known) = world.contexts.get(&name).cloned()
            && let Ok(context) = known.downcast::<C>()
        {
            return Ok((context, false));
        }
        let context =
            make(&world.bindings).map(Arc::new).map_err(|unbound| NotLowered::new(label, unbound))?;
        world.contexts.insert(name, context.clone());
        Ok((context, true))
    }
}
