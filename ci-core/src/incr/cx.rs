//! What a node can do while it runs.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;

use super::arena::{COMPUTED, Edge, SOLE_INPUT, Slot};
use super::compute::Compute;
use super::graph::{Graph, Unsettled};
use super::id::{Id, Node, Scope};

/// The running node's view of its graph.
pub struct Cx<'a, W> {
    pub(super) graph: &'a mut Graph<W>,
}

impl<W> Cx<'_, W> {
    /// The running node.
    pub fn me(&self) -> Id {
        self.graph.me
    }

    /// The number of the running step.
    pub fn step(&self) -> u64 {
        self.graph.step
    }

    /// What all nodes share.
    pub fn world(&mut self) -> &mut W {
        &mut self.graph.world
    }

    /// The value of an input.
    ///
    /// # Panics
    ///
    /// If the node is no input: released, not below this one, or of another type.
    ///
    /// If it is an input that has no value, having panicked before it ever had one, this node's run ends here, by an
    /// unwinding that is counted in [`Stats::blocked`](super::Stats::blocked). It runs again when the input has one.
    #[inline]
    pub fn get<T: 'static>(&self, node: Node<T>) -> &T {
        let Some(slot) = self.graph.nodes.live(node.id()) else { self.released(node.id()) };
        match value(slot, self.graph.running) {
            Some(value) => value,
            None => self.no_value(node.id(), slot),
        }
    }

    #[cold]
    fn released(&self, id: Id) -> ! {
        panic!("{id:?}, read by {:?}, was released", self.graph.me)
    }

    #[cold]
    fn no_value(&self, id: Id, slot: &Slot<W>) -> ! {
        let me = self.graph.me;
        assert!(slot.height < self.graph.running, "{id:?}, read by {me:?}, is not below it");
        assert!(!slot.is(COMPUTED), "{id:?}, read by {me:?}, has a value of another type");
        resume_unwind(Box::new(NoValue))
    }

    /// See [`Graph::ask`].
    pub fn ask(&self, id: Id, question: &mut dyn Any) {
        self.graph.ask(id, question);
    }

    /// Opens a scope owned by this node: its nodes always stand above this one, so that none of them runs before
    /// this one has decided whether they go. It ends by [`Cx::release_scope`], or with this node.
    ///
    /// If this node panics in this run, the scopes it has opened in it are released.
    pub fn new_scope(&mut self) -> Scope {
        let graph = &mut *self.graph;
        let me = graph.me.index;
        let fan = graph.nodes[me].outs.fan();
        let scope = graph.scopes.open(me, fan.owned);
        fan.owned = scope.index;
        graph.unsettled.push(Unsettled::Opened(scope));
        scope
    }

    /// Releases a scope when this run has ended, before anything else runs. If this node panics in this run, the
    /// scope stays.
    pub fn release_scope(&mut self, scope: Scope) {
        self.graph.release_scope(scope);
    }

    /// Runs `f`, whose inserts go to `scope`: they panic if it was released.
    pub fn in_scope<R>(&mut self, scope: Scope, f: impl FnOnce(&mut Graph<W>) -> R) -> R {
        self.graph.in_scope(scope, f)
    }

    /// Sets the next value of an input node, as [`Graph::set`] does.
    pub fn set<T: PartialEq + Send + 'static>(&mut self, node: Node<T>, value: T) -> bool {
        self.graph.set(node, value)
    }

    /// Makes `input` an input of `to`, under the number `slot`, for as long as `scope` lives.
    ///
    /// `to` must have this node as an ordinary input: so it can't have run in this step, and reads this node to know
    /// what else to read. It is raised above `input`. There is no way to take a dynamic input away but to release
    /// the scope: if `input` is not of the scope, a relay is put between the two that is.
    ///
    /// # Panics
    ///
    /// If `to`, `input` or `scope` was released, `to` does not have this node as an input, or `input` depends on `to`.
    pub fn add_input(&mut self, to: Id, slot: u32, input: Id, scope: Scope) {
        let graph = &mut *self.graph;
        let leads = |edge: &Edge| edge.to == to.index && edge.generation == to.generation;
        let is_mine = graph.nodes[graph.me.index].outs.edges().iter().any(leads);
        assert!(is_mine && graph.nodes.is_live(to), "{:?} is no input of {to:?}", graph.me);
        assert!(graph.nodes.is_live(input), "{input:?} was released: it can't be an input");
        assert!(graph.scopes.is_live(scope), "{scope:?} was released: nothing can live as long");

        let source = if graph.nodes[input.index].scope == scope.index {
            input
        } else {
            graph.in_scope(scope, |graph| graph.insert(&[input], Relay)).id()
        };
        let above = graph.nodes[source.index].height + 1;
        graph.raise(to.index, above);
        // Without the new edge there is no circle yet, so the raise has ended and all heights are true. If the source
        // went up too, the edge would have closed one.
        assert!(
            graph.nodes[source.index].height < graph.nodes[to.index].height,
            "{input:?} depends on {to:?}"
        );
        graph.nodes[to.index].flags &= !SOLE_INPUT;
        graph.nodes.connect(source.index, Edge { to: to.index, generation: to.generation, slot });
    }
}

/// What a run ends with that can't go on for want of an input's value.
pub(super) struct NoValue;

#[inline]
fn value<W, T: 'static>(slot: &Slot<W>, reader: u32) -> Option<&T> {
    if slot.height < reader && slot.is(COMPUTED) { slot.object.as_ref()?.read().downcast_ref() } else { None }
}

impl<W> fmt::Debug for Cx<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("me", &self.graph.me).finish_non_exhaustive()
    }
}

/// Passes on that its input changed. It dies with its scope, and the edge to what it tells with it.
struct Relay;

impl<W> Compute<W> for Relay {
    type Value = ();

    fn recompute(&mut self, _: &mut Cx<'_, W>) -> bool {
        true
    }

    fn value(&self) -> &() {
        &()
    }
}
