//! A subgraph for each key of a log.
//!
//! As with lists: the *owner* stands above the log and makes and releases, the *collector* has the elements' results
//! as dynamic inputs. Both number the elements as the log does.

use std::marker::PhantomData;

use super::super::aggregate::Aggregate;
use super::super::compute::Compute;
use super::super::cx::Cx;
use super::super::graph::Graph;
use super::super::id::{Id, Node, Scope};
use super::Log;

struct Element<T> {
    number: u64,
    input: Node<T>,
    scope: Scope,
}

/// The elements' results by slot, and which of them the last run changed.
struct Results<B> {
    by_slot: Vec<Option<Node<B>>>,
    touched: Vec<u32>,
    version: u64,
}

struct Owner<W, K, T, B, F> {
    log: Node<Log<K, T>>,
    f: F,
    collector: Option<Id>,
    elements: Vec<Option<Element<T>>>,
    results: Results<B>,
    /// The version of the log that was seen last.
    seen: u64,
    world: PhantomData<fn(W)>,
}

/// What becomes of a slot.
enum Turn<T> {
    Made(Element<T>),
    Changed(T),
    Gone,
}

impl<W, K, T, B, F> Compute<W> for Owner<W, K, T, B, F>
where
    W: 'static,
    K: Ord + Clone + Send + 'static,
    T: Clone + PartialEq + Send + 'static,
    B: Send + 'static,
    F: FnMut(&mut Graph<W>, &K, Node<T>) -> Node<B> + Send + 'static,
{
    type Value = Results<B>;

    /// Makes the new elements, then lets go of those that went. Nothing of the owner's own is touched before the last
    /// new element is made, since making one may panic.
    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let log = cx.get(self.log);
        let (version, slots) = (log.version, log.slots.len());
        let mut touched =
            if version == self.seen + 1 { log.touched.clone() } else { (0..slots as u32).collect() };
        touched.sort_unstable();
        touched.dedup();
        let collector = self.collector.expect("because it was told its collector before it ran");
        let mut turns = Vec::with_capacity(touched.len());
        for slot in touched {
            let at = slot as usize;
            let entry = cx.get(self.log).slots[at].as_ref();
            let entry = entry.and_then(|entry| Some((entry.number, &entry.key, entry.item.as_ref()?)));
            let element = self.elements.get(at).and_then(Option::as_ref);
            let Some((number, key, item)) = entry else {
                if element.is_some() {
                    turns.push((slot, Turn::Gone, None));
                }
                continue;
            };
            let item = item.clone();
            if element.is_some_and(|element| element.number == number) {
                turns.push((slot, Turn::Changed(item), None));
                continue;
            }
            let key = key.clone();
            let scope = cx.new_scope();
            let (input, result) = cx.in_scope(scope, |graph| {
                let input = graph.var(item);
                (input, (self.f)(graph, &key, input))
            });
            cx.add_input(collector, slot + 1, result.id(), scope);
            turns.push((slot, Turn::Made(Element { number, input, scope }), Some(result)));
        }

        // From here on nothing foreign is called but for dropping what went.
        self.seen = version;
        self.elements.resize_with(slots, || None);
        self.results.by_slot.resize(slots, None);
        self.results.touched.clear();
        for (slot, turn, result) in turns {
            let element = &mut self.elements[slot as usize];
            let made = match turn {
                Turn::Changed(item) => {
                    cx.set(element.as_ref().expect("because it was seen above").input, item);
                    continue;
                }
                Turn::Made(made) => Some(made),
                Turn::Gone => None,
            };
            if let Some(gone) = std::mem::replace(element, made) {
                cx.release_scope(gone.scope);
            }
            self.results.by_slot[slot as usize] = result;
            self.results.touched.push(slot);
        }
        let changed = !self.results.touched.is_empty();
        self.results.version += u64::from(changed);
        changed
    }

    fn value(&self) -> &Results<B> {
        &self.results
    }
}

/// Slot 0 is the owner, slot n + 1 the element in slot n.
struct Collector<B, G: Aggregate, L> {
    results: Node<Results<B>>,
    lift: L,
    /// Stands for slots without an element.
    vacant: G::Leaf,
    aggregate: G,
    /// Positions that the aggregate has: as many as there are slots, or more.
    room: usize,
    changed: Vec<u32>,
    seen: u64,
    /// New, or a run did not end: everything is read.
    torn: bool,
}

impl<W, B, G, L> Compute<W> for Collector<B, G, L>
where
    B: Send + 'static,
    G: Aggregate,
    L: FnMut(&B) -> G::Leaf + Send + 'static,
{
    type Value = G::Value;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let Self { lift, vacant, aggregate, .. } = self;
        let results = cx.get(self.results);
        let slots = results.by_slot.len();
        let mut leaf = |slot: usize| match results.by_slot.get(slot) {
            Some(Some(result)) => lift(cx.get(*result)),
            _ => vacant.clone(),
        };
        let torn = std::mem::replace(&mut self.torn, true);
        if torn || slots > self.room || results.version > self.seen + 1 {
            self.room = slots.next_power_of_two();
            aggregate.rebuild((0..self.room).map(leaf));
        } else {
            if results.version != self.seen {
                self.changed.extend(&results.touched);
            }
            self.changed.sort_unstable();
            self.changed.dedup();
            for &slot in &self.changed {
                aggregate.set(slot as usize, leaf(slot as usize));
            }
        }
        self.seen = results.version;
        let changed = aggregate.settle();
        self.changed.clear();
        self.torn = false;
        changed
    }

    fn value(&self) -> &G::Value {
        self.aggregate.value()
    }

    fn input_changed(&mut self, slot: u32) {
        if slot > 0 && !self.torn {
            self.changed.push(slot - 1);
        }
    }
}

impl<W: 'static> Graph<W> {
    /// A subgraph for each key of a log, and an aggregate of what `lift` gives for each one's result.
    ///
    /// `f` makes a key's subgraph, in a scope that lives as long as the key is there; its item follows the log. A key
    /// that is removed and put again in one step keeps its subgraph.
    ///
    /// The elements are in no order that means anything, so the aggregate must be commutative: a
    /// [`Group`](super::super::Group) is, a [`Tree`](super::super::Tree) if its function is. `vacant` stands for places
    /// that are free and must leave it as it is. Where order matters, keep a list ([`Graph::keyed_with`]).
    ///
    /// A step costs the keys that the log names, and what is made and released for them, whatever the number of
    /// others. If making an element panics, all elements stay as they were until the log changes again.
    pub fn keyed_log<K, T, B, F, G, L>(
        &mut self,
        log: Node<Log<K, T>>,
        f: F,
        vacant: G::Leaf,
        lift: L,
        aggregate: G,
    ) -> Node<G::Value>
    where
        K: Ord + Clone + Send + 'static,
        T: Clone + PartialEq + Send + 'static,
        B: Send + 'static,
        F: FnMut(&mut Self, &K, Node<T>) -> Node<B> + Send + 'static,
        G: Aggregate,
        L: FnMut(&B) -> G::Leaf + Send + 'static,
    {
        let results = Results { by_slot: Vec::new(), touched: Vec::new(), version: 0 };
        let elements = Vec::new();
        let owner = Owner { log, f, collector: None, elements, results, seen: 0, world: PhantomData };
        let results = self.insert(&[log.id()], owner);
        let (changed, seen) = (Vec::new(), 0);
        let collector = Collector { results, lift, vacant, aggregate, room: 0, changed, seen, torn: true };
        let all = self.insert_with_slots(&[results.id()], collector);
        self.with_mut(results, |owner: &mut Owner<W, K, T, B, F>| owner.collector = Some(all.id()));
        all
    }
}
