//! The graph: making nodes, reading them, releasing them.

use std::any::Any;
use std::collections::BinaryHeap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::arena::{Arena, CHANGED, COMPUTED, Edge, Outs, QUEUED, RELEASED, SLOTS, SOLE_INPUT};
use super::compute::{Compute, Object};
use super::id::{Id, NONE, Node, Scope};
use super::queue::Queue;
use super::raise::Raise;
use super::scopes::Scopes;
use super::slow::Slow;
use super::stats::{Stats, Why};

/// Nodes, their edges and scopes, what waits to run, and a world `W` that nodes reach while they run.
///
/// It owns everything and shares nothing: one thread at a time has it. It is `Send` if `W` is.
pub struct Graph<W> {
    pub(super) nodes: Arena<W>,
    pub(super) queue: Queue,
    pub(super) scopes: Scopes,
    /// Where inserts go.
    pub(super) scope: Scope,
    pub(super) step: u64,
    pub(super) stats: Stats,
    pub(super) slow: Slow,
    /// The node that runs.
    pub(super) me: Id,
    /// The height of the node that runs; between steps, [`NONE`].
    pub(super) running: u32,
    /// What the running node has done to scopes: settled when it has ended.
    pub(super) unsettled: Vec<Unsettled>,
    /// Nodes invalidated meanwhile that stand too low for this step.
    pub(super) later: Vec<Id>,
    pub(super) raising: BinaryHeap<Raise>,
    /// Work list of a release.
    doomed: Vec<u32>,
    /// Last, so that objects are dropped before it.
    pub(super) world: W,
}

/// A scope that the running node touched.
#[derive(Clone, Copy)]
pub(super) enum Unsettled {
    /// Taken back if the node panics.
    Opened(Scope),
    /// Released if it does not.
    Released(Scope),
}

impl<W> Graph<W> {
    /// An empty graph.
    pub fn new(world: W) -> Self {
        Self {
            nodes: Arena::new(),
            queue: Queue::new(),
            scopes: Scopes::new(),
            scope: Scope::ROOT,
            step: 0,
            stats: Stats::default(),
            slow: Slow::new(),
            me: Id { index: NONE, generation: 0 },
            running: NONE,
            unsettled: Vec::new(),
            later: Vec::new(),
            raising: BinaryHeap::new(),
            doomed: Vec::new(),
            world,
        }
    }

    /// What nodes reach while they run.
    pub fn world(&self) -> &W {
        &self.world
    }

    /// What nodes reach while they run.
    pub fn world_mut(&mut self) -> &mut W {
        &mut self.world
    }

    /// Adds a node to the current scope. It runs in the next [`Graph::propagate`], or later in the running one: run
    /// at once, it could read an input that is about to change in the same step, and would run twice.
    ///
    /// Each input must live at least as long as the node: be of its scope or of one around it. What may go earlier
    /// is a [dynamic input](super::Cx::add_input).
    ///
    /// # Panics
    ///
    /// If an input or the current scope was released.
    pub fn insert<C: Compute<W>>(&mut self, inputs: &[Id], c: C) -> Node<C::Value> {
        self.insert_object(inputs, Box::new(c), 0).typed()
    }

    /// The same; the node's [`Compute::input_changed`] is called with the position in `inputs` of each that changed.
    ///
    /// # Panics
    ///
    /// If an input or the current scope was released.
    pub fn insert_with_slots<C: Compute<W>>(&mut self, inputs: &[Id], c: C) -> Node<C::Value> {
        self.insert_object(inputs, Box::new(c), SLOTS).typed()
    }

    fn insert_object(&mut self, inputs: &[Id], object: Box<dyn Object<W>>, mut flags: u8) -> Id {
        assert!(self.scopes.is_live(self.scope), "{:?} was released: nothing can be made in it", self.scope);
        let owner = self.scopes.get(self.scope.index).owner;
        let mut height = if owner == NONE { 0 } else { self.nodes[owner].height + 1 };
        for &input in inputs {
            let slot = self.nodes.live(input);
            let slot = slot.unwrap_or_else(|| panic!("{input:?} was released: it can't be an input"));
            height = height.max(slot.height + 1);
        }
        if let [input] = inputs
            && self.nodes[input.index].scope == self.scope.index
        {
            flags |= SOLE_INPUT;
        }
        self.queue.make_room(height);
        let index = self.nodes.take();
        let scope = self.scopes.get_mut(self.scope.index);
        let slot = &mut self.nodes[index];
        slot.object = Some(object);
        slot.height = height;
        slot.scope = self.scope.index;
        slot.next_in_scope = std::mem::replace(&mut scope.first, index);
        slot.flags = flags;
        let generation = slot.generation;
        for (slot, input) in (0..).zip(inputs) {
            self.nodes.connect(input.index, Edge { to: index, generation, slot });
        }
        self.enqueue(index);
        Id { index, generation }
    }

    /// A node's value: `None` if it was released, has not run yet, or has a value of another type.
    pub fn get<T: 'static>(&self, node: Node<T>) -> Option<&T> {
        let slot = self.nodes.live(node.id())?;
        if !slot.is(COMPUTED) {
            return None;
        }
        slot.object.as_ref()?.read().downcast_ref()
    }

    /// Edits a node's own object from outside, e.g. an input's next value. The graph learns of it by
    /// [`Graph::invalidate`]. Returns whether the node is still there.
    ///
    /// # Panics
    ///
    /// If the node's object is no `C`.
    pub fn with_mut<C: Compute<W>>(&mut self, node: Node<C::Value>, f: impl FnOnce(&mut C)) -> bool {
        let Some(object) = self.nodes.live_mut(node.id()).and_then(|slot| slot.object.as_mut()) else {
            return false;
        };
        let object: &mut dyn Any = object.object();
        f(object.downcast_mut().expect("because a node is edited by those who inserted it"));
        true
    }

    /// Gives `question` to a node's [`Compute::answer`]. Nothing happens if it was released, or is the one that runs.
    pub fn ask(&self, id: Id, question: &mut dyn Any) {
        if let Some(object) = self.nodes.live(id).and_then(|slot| slot.object.as_ref()) {
            object.ask(question);
        }
    }

    /// The nodes of a scope, newest first, without those of scopes that they own.
    pub fn nodes_of(&self, scope: Scope) -> impl Iterator<Item = Id> {
        let first = if self.is_open(scope) { self.scopes.get(scope.index).first } else { NONE };
        let newest = (first != NONE).then_some(first);
        std::iter::successors(newest, |at| Some(self.nodes[*at].next_in_scope).filter(|next| *next != NONE))
            .map(|index| self.nodes.id(index))
    }

    /// Whether a scope was not released.
    pub fn is_open(&self, scope: Scope) -> bool {
        self.scopes.is_live(scope)
    }

    /// The scope that inserts go to.
    pub fn current_scope(&self) -> Scope {
        self.scope
    }

    /// Whether a node stands in the current scope, or in one around it: so it lives as long as what is made now.
    pub fn is_around(&self, id: Id) -> bool {
        let Some(slot) = self.nodes.live(id) else { return false };
        let mut scope = self.scope.index;
        loop {
            if scope == slot.scope {
                return true;
            }
            match self.scopes.get(scope).owner {
                NONE => return slot.scope == Scope::ROOT.index,
                owner => scope = self.nodes[owner].scope,
            }
        }
    }

    /// Whether a node was not released.
    pub fn is_live(&self, id: Id) -> bool {
        self.nodes.is_live(id)
    }

    /// Makes a node run at the next [`Graph::propagate`]; during one, in the same step if the node stands above the
    /// running one, else in the next. Nothing happens to a released node.
    pub fn invalidate(&mut self, id: Id) {
        let Some(slot) = self.nodes.live(id) else { return };
        if self.running != NONE && slot.height <= self.running {
            self.later.push(id);
        } else if !slot.is(QUEUED) {
            self.enqueue(id.index);
        }
    }

    /// Whether nothing waits to run.
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty()
    }

    /// Where nodes are made that live as long as the graph. Releasing it empties it.
    pub fn root_scope(&self) -> Scope {
        Scope::ROOT
    }

    /// Opens a scope for nodes that are made, and later released, from outside. (A node opens its own by
    /// [`Cx::new_scope`](super::Cx::new_scope).) It is of nobody: only [`Graph::release_scope`] ends it.
    ///
    /// # Panics
    ///
    /// While a node runs.
    pub fn new_scope(&mut self) -> Scope {
        assert!(self.running == NONE, "a node that runs opens its scopes by Cx::new_scope");
        self.scopes.open(NONE, NONE)
    }

    /// Runs `f`, whose inserts go to `scope`: they panic if it was released.
    pub fn in_scope<R>(&mut self, scope: Scope, f: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.scope, scope);
        let result = catch_unwind(AssertUnwindSafe(|| f(self)));
        self.scope = outer;
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Releases the nodes of a scope, and the scopes that those own, newest nodes first. None of them runs again;
    /// while a node runs, the release waits until it has ended. Costs O(nodes released).
    ///
    /// The nodes' objects are dropped here. Their `Drop` can't reach the graph; it may push to queues of its own.
    pub fn release_scope(&mut self, scope: Scope) {
        if self.running != NONE {
            self.unsettled.push(Unsettled::Released(scope));
        } else {
            self.release_now(scope);
        }
    }

    pub(super) fn release_now(&mut self, scope: Scope) {
        if !self.scopes.is_live(scope) {
            return;
        }
        self.unlink(scope.index);
        let mut doomed = std::mem::take(&mut self.doomed);
        doomed.push(scope.index);
        while let Some(scope) = doomed.pop() {
            let mut index = self.scopes.close(scope);
            while index != NONE {
                let slot = &mut self.nodes[index];
                let next = slot.next_in_scope;
                let object = slot.object.take();
                let outs = std::mem::take(&mut slot.outs);
                let id = Id { index, generation: slot.generation };
                slot.generation += 1;
                if slot.is(QUEUED) {
                    slot.flags = QUEUED | RELEASED;
                } else {
                    self.nodes.give_back(index);
                }
                let mut owned = outs.owned();
                while owned != NONE {
                    doomed.push(owned);
                    owned = self.scopes.get(owned).next;
                }
                self.stats.released += 1;
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(object))) {
                    self.report(id, panic);
                }
                index = next;
            }
        }
        self.doomed = doomed;
    }

    /// Takes a scope out of its owner's list.
    fn unlink(&mut self, scope: u32) {
        let (owner, next, prev) = {
            let slot = self.scopes.get(scope);
            (slot.owner, slot.next, slot.prev)
        };
        if next != NONE {
            self.scopes.get_mut(next).prev = prev;
        }
        if prev != NONE {
            self.scopes.get_mut(prev).next = next;
        } else if owner != NONE
            && let Outs::Many(fan) = &mut self.nodes[owner].outs
        {
            fan.owned = next;
        }
    }

    /// Why a node ran last; `None` if it was released.
    pub fn why(&self, id: Id) -> Option<Why> {
        let slot = self.nodes.live(id)?;
        let input = (slot.cause != NONE)
            .then(|| self.nodes.id(slot.cause))
            .filter(|cause| cause.generation as u16 == slot.cause_generation);
        // `slot.step` is the low half of a step of at most one after this one.
        let newest = self.step + 1;
        let step = newest - u64::from((newest as u32).wrapping_sub(slot.step));
        Some(Why { input, step, changed: slot.is(CHANGED) })
    }

    /// Queues a node that is not queued, on behalf of somebody outside.
    fn enqueue(&mut self, index: u32) {
        let step = if self.running == NONE { self.step + 1 } else { self.step };
        self.nodes[index].note_cause(None, step);
        self.queue.push(&mut self.nodes, index);
    }
}

impl<W> fmt::Debug for Graph<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("step", &self.step).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cx;
    use super::*;

    #[test]
    fn a_graph_may_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&Graph::new(String::new()));
    }

    #[test]
    fn a_stale_id_is_recognised() {
        let mut graph = Graph::new(());
        let scope = graph.new_scope();
        let old = graph.in_scope(scope, |graph| graph.var(1));
        graph.propagate();
        graph.release_scope(scope);
        let new = graph.var(2);
        graph.propagate();
        assert_eq!(old.id().index, new.id().index, "the place is used again");
        assert!(!graph.set(old, 3));
        graph.invalidate(old.id());
        assert!(graph.is_settled());
        assert_eq!((graph.get(old), graph.why(old.id()), graph.get(new)), (None, None, Some(&2)));
        assert_eq!(graph.get(new.id().typed::<String>()), None, "nor is another type read");
    }

    #[test]
    fn a_node_released_while_it_waits_does_not_run_and_leaves_its_place() {
        let mut graph = Graph::new(());
        for _ in 0..10_000 {
            let scope = graph.new_scope();
            graph.in_scope(scope, |graph| graph.var(1));
            graph.release_scope(scope);
            assert_eq!(graph.propagate().recomputed, 0);
        }
        let last = graph.var(1).id();
        assert_eq!((last.index, last.generation), (0, 10_000));
    }

    #[test]
    fn why_names_the_first_input_that_moved_it_and_the_step() {
        let mut graph = Graph::new(());
        let (a, b) = (graph.var(1_i32), graph.var(1));
        let sum = graph.map2(a, b, |a, b| a + b);
        let sign = graph.map(sum, |x: &i32| x.signum());
        assert_eq!(graph.why(sum.id()), Some(Why { input: None, step: 1, changed: false }), "it waits");
        graph.propagate();
        graph.propagate();
        graph.set(b, 5);
        graph.propagate();
        assert_eq!(graph.why(b.id()), Some(Why { input: None, step: 3, changed: true }));
        assert_eq!(graph.why(sum.id()), Some(Why { input: Some(b.id()), step: 3, changed: true }));
        assert_eq!(graph.why(sign.id()), Some(Why { input: Some(sum.id()), step: 3, changed: false }));

        // Steps are told apart beyond 32 bits.
        graph.step += 1 << 33;
        graph.set(a, 7);
        let step = graph.propagate().step;
        assert_eq!(step, (1 << 33) + 4);
        assert_eq!(graph.why(sum.id()), Some(Why { input: Some(a.id()), step, changed: true }));
    }

    #[test]
    fn a_cause_that_is_gone_is_not_taken_for_who_has_its_place() {
        let mut graph = Graph::new(());
        let scope = graph.new_scope();
        let cause = graph.in_scope(scope, |graph| graph.var(1));
        let moved = graph.map(cause, |x| x + 1);
        graph.propagate();
        graph.set(cause, 2);
        graph.propagate();
        assert_eq!(graph.why(moved.id()).and_then(|why| why.input), Some(cause.id()));
        graph.release_scope(scope);
        assert_eq!(graph.var(3).id().index, cause.id().index);
        assert_eq!(graph.why(moved.id()), Some(Why { input: None, step: 2, changed: true }));
    }

    /// Invalidates itself a number of times.
    struct Again(u32);

    impl Compute<Vec<Id>> for Again {
        type Value = u32;

        fn recompute(&mut self, cx: &mut Cx<'_, Vec<Id>>) -> bool {
            let me = cx.me();
            cx.world().push(me);
            self.0 -= 1;
            if self.0 > 0 {
                let scope = cx.new_scope();
                cx.in_scope(scope, |graph| graph.invalidate(me));
            }
            true
        }

        fn value(&self) -> &u32 {
            &self.0
        }
    }

    #[test]
    fn a_node_that_asks_for_itself_runs_once_a_step() {
        let mut graph = Graph::new(Vec::new());
        let again = graph.insert(&[], Again(3));
        for runs in 1..=3 {
            assert!(!graph.is_settled());
            assert_eq!(graph.propagate().recomputed, 1);
            assert_eq!(graph.world().len(), runs);
        }
        assert!(graph.is_settled() && graph.get(again) == Some(&0));
    }

    #[test]
    fn what_was_made_for_an_old_value_is_released_with_it() {
        let mut graph = Graph::new(());
        let pick = graph.var(0);
        let bound = graph.bind(pick, |graph, x| {
            let inner = graph.var(x);
            graph.bind(inner, |graph, x| graph.var(x))
        });
        graph.propagate();
        for x in 1..100 {
            graph.set(pick, x);
            let stats = graph.propagate();
            assert_eq!(
                (stats.released, graph.get(bound)),
                (4, Some(&x)),
                "variable, switch, outcome, and its own"
            );
        }
        assert!(graph.scopes.slots.len() <= 1 + 2 * 2, "places of scopes are used again");
        graph.release_scope(graph.root_scope());
        assert_eq!(graph.propagate().released, 3 + 4);
    }
}
