//! A subgraph for each element of a list, kept for as long as the list has the element's key.
//!
//! Two nodes. The *owner* stands above the list. It compares the new list with the old one: an element whose key
//! stays keeps its whole subgraph, and only its item (a variable) is set; a new key gets a scope and a subgraph; a
//! key that went has its scope released, and as the owner stands below all of them, nothing of it runs in that step.
//! The *collector* has the elements' results as dynamic inputs. Each keeps its slot while it lives, so a change of one
//! result costs no more than its way through the [`Aggregate`]; when elements come, go or move, the part of the row
//! that they are in is laid out again.
//!
//! The ends of the list that stayed equal are passed over, and what lies between is looked up by key: O(n)
//! comparisons and O(d log n) look-ups for d elements between.
//!
//! A list that names a key twice, or that is not there ([`Each::items`] gives `None`), leaves everything as it was.

use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use self::collector::Collector;
use super::aggregate::{Aggregate, Row};
use super::compute::Compute;
use super::cx::Cx;
use super::graph::Graph;
use super::id::{Id, NONE, Node, Scope};
use super::map::replace;

mod collector;

/// What a keyed list is a list of, and what is made for each element.
pub trait Each<W>: Send + 'static {
    /// The value that holds the list.
    type Source: 'static;
    /// An element.
    type Item: Clone + PartialEq + Send + 'static;
    /// What tells one element from another, and stays when it changes.
    type Key: Ord + Clone + Send + 'static;
    /// What is made of each element.
    type Output: Send + 'static;

    /// The list; `None` if there is none now, which keeps the elements there are.
    fn items<'s>(&self, source: &'s Self::Source) -> Option<&'s [Self::Item]>;

    /// The element's key.
    fn key<'i>(&self, item: &'i Self::Item) -> &'i Self::Key;

    /// Makes an element's subgraph, in a scope that lives as long as its key is in the list. `item` follows the
    /// element's changes.
    fn make(&mut self, graph: &mut Graph<W>, key: &Self::Key, item: Node<Self::Item>) -> Node<Self::Output>;

    /// See [`Compute::answer`]. `elements` are those there are, in the order of the list.
    fn answer(
        &self,
        elements: &mut dyn Iterator<Item = (&Self::Key, Scope, Node<Self::Output>)>,
        question: &mut dyn Any,
    ) {
        let _ = (elements, question);
    }
}

/// The elements of a keyed list.
#[derive(Debug)]
pub struct Members<K, B> {
    /// Results by slot. Those of free slots are stale.
    results: Vec<Node<B>>,
    /// The slots in the order of the list.
    order: Vec<u32>,
    /// The position of each slot; [`NONE`] if it is free.
    places: Vec<u32>,
    /// Counts changes of `order`.
    version: u64,
    /// The last of them.
    moved: Moved,
    duplicate: Option<K>,
}

/// What of an order changed: what stood in `from..old_to` is now in `from..to`.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    from: usize,
    old_to: usize,
    to: usize,
}

impl<K, B> Members<K, B> {
    /// The elements' results in the order of the list.
    pub fn results(&self) -> impl ExactSizeIterator<Item = Node<B>> {
        self.order.iter().map(|&slot| self.results[slot as usize])
    }

    /// The least key that the list names more than once. While there is one, the elements are those of the last list
    /// that was right.
    pub fn duplicate(&self) -> Option<&K> {
        self.duplicate.as_ref()
    }
}

/// A keyed list's two nodes.
#[derive(Debug)]
pub struct Keyed<K, B, V> {
    /// Which elements there are. Changes when they come, go or move, or a duplicate does.
    pub members: Node<Members<K, B>>,
    /// What is made of all their results.
    pub all: Node<V>,
}

struct Element<T, K> {
    key: K,
    input: Node<T>,
    scope: Scope,
    /// The run that saw it last between the list's unchanged ends.
    seen: u64,
}

struct Owner<W, E: Each<W>> {
    source: Node<E::Source>,
    each: E,
    collector: Option<Id>,
    /// The list as it was seen last, beside `members.order`.
    row: Vec<E::Item>,
    elements: Vec<Option<Element<E::Item, E::Key>>>,
    by_key: BTreeMap<E::Key, u32>,
    free: Vec<u32>,
    members: Members<E::Key, E::Output>,
    runs: u64,
    world: PhantomData<fn(W)>,
}

/// What a new list asks for.
struct Plan<T> {
    /// The positions that may differ: in the old list, and in the new one, as far as `slots` goes.
    from: usize,
    old_to: usize,
    /// The slots of these elements; [`NONE`] if they are new.
    slots: Vec<u32>,
    items: Vec<T>,
    /// Positions among them whose item changed.
    updated: Vec<usize>,
}

impl<W, E: Each<W>> Owner<W, E> {
    /// Compares the list with the elements. The error is the least duplicated key.
    fn plan(
        each: &E,
        row: &[E::Item],
        elements: &mut [Option<Element<E::Item, E::Key>>],
        by_key: &BTreeMap<E::Key, u32>,
        places: &[u32],
        items: &[E::Item],
        run: u64,
    ) -> Result<Plan<E::Item>, E::Key> {
        let shorter = items.len().min(row.len());
        let from = items.iter().zip(row).position(|(new, old)| new != old).unwrap_or(shorter);
        let mut ends = items[from..].iter().rev().zip(row[from..].iter().rev());
        let tail = ends.position(|(new, old)| new != old).unwrap_or(shorter - from);
        let old_to = row.len() - tail;

        let items = &items[from..items.len() - tail];
        let mut slots = Vec::with_capacity(items.len());
        let (mut updated, mut fresh) = (Vec::new(), Vec::new());
        let mut duplicate: Option<&E::Key> = None;
        for (at, item) in items.iter().enumerate() {
            let key = each.key(item);
            let Some(&slot) = by_key.get(key) else {
                slots.push(NONE);
                fresh.push(key);
                continue;
            };
            let element = elements[slot as usize].as_mut().expect("because keys name slots in use");
            let place = places[slot as usize] as usize;
            if place < from || place >= old_to || element.seen == run {
                duplicate = Some(duplicate.map_or(key, |least| least.min(key)));
                continue;
            }
            element.seen = run;
            slots.push(slot);
            if row[place] != *item {
                updated.push(at);
            }
        }
        fresh.sort_unstable();
        let fresh = fresh.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        match duplicate.into_iter().chain(fresh).min() {
            Some(key) => Err(key.clone()),
            None => Ok(Plan { from, old_to, slots, items: items.to_vec(), updated }),
        }
    }

    /// Makes the new elements, joins them to the collector, then lets go of those that went. Nothing of the owner's
    /// own is touched before the last new element is made, since making one may panic.
    fn carry_out(&mut self, cx: &mut Cx<'_, W>, plan: Plan<E::Item>) -> bool {
        let Plan { from, old_to, mut slots, items, updated } = plan;
        let collector = self.collector.expect("because it was told its collector before it ran");
        let mut places = self.free.iter().rev().copied().chain(self.elements.len() as u32..);
        let mut made = Vec::new();
        for (slot, item) in slots.iter_mut().zip(&items).filter(|(slot, _)| **slot == NONE) {
            let key = self.each.key(item).clone();
            let scope = cx.new_scope();
            let (input, result) = cx.in_scope(scope, |graph| {
                let input = graph.var(item.clone());
                (input, self.each.make(graph, &key, input))
            });
            *slot = places.next().expect("because slots don't run out before memory does");
            cx.add_input(collector, *slot + 1, result.id(), scope);
            made.push((*slot, result, Element { key, input, scope, seen: self.runs }));
        }

        // From here on nothing foreign is called but for cloning items and dropping what went.
        for at in updated {
            let element = &self.elements[slots[at] as usize];
            cx.set(element.as_ref().expect("because it was seen in the plan").input, items[at].clone());
        }
        self.row.splice(from..old_to, items);
        if self.members.order[from..old_to] == slots[..] {
            return false;
        }
        self.free.truncate(self.free.len().saturating_sub(made.len()));
        let members = &mut self.members;
        for (slot, result, element) in made {
            let at = slot as usize;
            self.by_key.insert(element.key.clone(), slot);
            if at == self.elements.len() {
                self.elements.push(Some(element));
                members.results.push(result);
                members.places.push(NONE);
            } else {
                self.elements[at] = Some(element);
                members.results[at] = result;
            }
        }
        for &slot in &members.order[from..old_to] {
            let element = &mut self.elements[slot as usize];
            if let Some(gone) = element.take_if(|element| element.seen != self.runs) {
                self.by_key.remove(&gone.key);
                members.places[slot as usize] = NONE;
                self.free.push(slot);
                cx.release_scope(gone.scope);
            }
        }
        let to = from + slots.len();
        members.order.splice(from..old_to, slots);
        let last = if to == old_to { to } else { members.order.len() };
        for (place, &slot) in (from as u32..).zip(&members.order[from..last]) {
            members.places[slot as usize] = place;
        }
        members.moved = Moved { from, old_to, to };
        members.version += 1;
        true
    }
}

impl<W: 'static, E: Each<W>> Compute<W> for Owner<W, E> {
    type Value = Members<E::Key, E::Output>;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        self.runs += 1;
        let Some(items) = self.each.items(cx.get(self.source)) else {
            return false;
        };
        let Self { each, row, elements, by_key, members, runs, .. } = self;
        match Self::plan(each, row, elements, by_key, &members.places, items, *runs) {
            Ok(plan) => self.carry_out(cx, plan) | self.members.duplicate.take().is_some(),
            Err(key) => replace(&mut self.members.duplicate, key),
        }
    }

    fn value(&self) -> &Members<E::Key, E::Output> {
        &self.members
    }

    fn answer(&self, question: &mut dyn Any) {
        let mut elements = self.members.order.iter().filter_map(|slot| {
            let element = self.elements[*slot as usize].as_ref()?;
            Some((&element.key, element.scope, self.members.results[*slot as usize]))
        });
        self.each.answer(&mut elements, question);
    }
}

/// [`Each`] of a list of keys and values.
#[derive(Debug)]
pub struct Pairs<K, V, F> {
    f: F,
    item: PhantomData<fn() -> (K, V)>,
}

impl<K, V, F> Pairs<K, V, F> {
    /// Makes what `f` makes for each element.
    pub fn new(f: F) -> Self {
        Self { f, item: PhantomData }
    }
}

impl<W, K, V, B, F> Each<W> for Pairs<K, V, F>
where
    K: Ord + Clone + Send + 'static,
    V: Clone + PartialEq + Send + 'static,
    B: Send + 'static,
    F: FnMut(&mut Graph<W>, &K, Node<(K, V)>) -> Node<B> + Send + 'static,
{
    type Source = Vec<(K, V)>;
    type Item = (K, V);
    type Key = K;
    type Output = B;

    fn items<'s>(&self, source: &'s Vec<(K, V)>) -> Option<&'s [(K, V)]> {
        Some(source)
    }

    fn key<'i>(&self, item: &'i (K, V)) -> &'i K {
        &item.0
    }

    fn make(&mut self, graph: &mut Graph<W>, key: &K, item: Node<(K, V)>) -> Node<B> {
        (self.f)(graph, key, item)
    }
}

impl<W: 'static> Graph<W> {
    /// What `f` makes for each element, as a `Vec` in the order of the list. See [`Graph::keyed_with`].
    pub fn keyed<K, V, B, F>(&mut self, list: Node<Vec<(K, V)>>, f: F) -> Keyed<K, B, Vec<B>>
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + PartialEq + Send + 'static,
        B: Clone + PartialEq + Send + 'static,
        F: FnMut(&mut Self, &K, Node<(K, V)>) -> Node<B> + Send + 'static,
    {
        self.keyed_with(list, Pairs::new(f), B::clone, Row::default())
    }

    /// A subgraph for each element of a list, and an aggregate of what `lift` gives for each one's result, in the
    /// order of the list.
    ///
    /// A change of the list costs O(n) comparisons and what is made and released; a change of one element's result
    /// costs what the aggregate says. If making an element panics, everything stays as it was.
    pub fn keyed_with<E, G, L>(
        &mut self,
        source: Node<E::Source>,
        each: E,
        lift: L,
        aggregate: G,
    ) -> Keyed<E::Key, E::Output, G::Value>
    where
        E: Each<W>,
        G: Aggregate,
        L: FnMut(&E::Output) -> G::Leaf + Send + 'static,
    {
        let members = Members {
            results: Vec::new(),
            order: Vec::new(),
            places: Vec::new(),
            version: 0,
            moved: Moved::default(),
            duplicate: None,
        };
        let owner = Owner {
            source,
            each,
            collector: None,
            row: Vec::new(),
            elements: Vec::new(),
            by_key: BTreeMap::new(),
            free: Vec::new(),
            members,
            runs: 0,
            world: PhantomData,
        };
        let members = self.insert(&[source.id()], owner);
        let collector = Collector::new(members, lift, aggregate);
        let all = self.insert_with_slots(&[members.id()], collector);
        self.with_mut(members, |owner: &mut Owner<W, E>| owner.collector = Some(all.id()));
        Keyed { members, all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_right_again_and_another_is_told() {
        let mut graph = Graph::new(());
        let list = graph.var(vec![(1, ())]);
        let keyed = graph.keyed(list, |graph, key, _| graph.var(*key));
        let count =
            graph.map(keyed.members, |members| (members.results().len(), members.duplicate().copied()));
        let mut now = |new: &[i32]| {
            graph.set(list, new.iter().map(|key| (*key, ())).collect());
            graph.propagate();
            graph.get(count).copied()
        };
        assert_eq!(now(&[1]), Some((1, None)));
        assert_eq!(now(&[1, 2, 2]), Some((1, Some(2))));
        assert_eq!(now(&[1, 2]), Some((2, None)));
    }

    #[test]
    fn who_made_the_list_is_asked_about_its_elements_in_their_order() {
        struct Named;
        impl Each<()> for Named {
            type Source = Vec<u8>;
            type Item = u8;
            type Key = u8;
            type Output = u8;

            fn items<'s>(&self, source: &'s Vec<u8>) -> Option<&'s [u8]> {
                Some(source)
            }

            fn key<'i>(&self, item: &'i u8) -> &'i u8 {
                item
            }

            fn make(&mut self, _: &mut Graph<()>, _: &u8, item: Node<u8>) -> Node<u8> {
                item
            }

            fn answer(
                &self,
                elements: &mut dyn Iterator<Item = (&u8, Scope, Node<u8>)>,
                question: &mut dyn Any,
            ) {
                let asked = question.downcast_mut::<Vec<(u8, bool)>>().expect("only this is asked");
                let mut scopes = Vec::new();
                for (key, scope, _) in elements {
                    asked.push((*key, scopes.contains(&scope)));
                    scopes.push(scope);
                }
            }
        }
        let mut graph = Graph::new(());
        let list = graph.var(vec![3, 1, 2]);
        let keyed = graph.keyed_with(list, Named, u8::clone, Row::default());
        graph.propagate();
        graph.set(list, vec![2, 3]);
        graph.propagate();
        let mut asked = Vec::<(u8, bool)>::new();
        graph.ask(keyed.members.id(), &mut asked);
        assert_eq!(asked, [(2, false), (3, false)], "each in a scope of its own");
    }

    #[test]
    fn slots_of_elements_that_went_are_used_again() {
        let mut graph = Graph::new(());
        let list = graph.var(vec![(0, ())]);
        let keyed = graph.keyed(list, |graph, key, _| graph.var(*key));
        for key in 1..100 {
            graph.propagate();
            graph.set(list, vec![(0, ()), (key, ()), (key + 1, ())]);
        }
        graph.propagate();
        let members = graph.get(keyed.members).expect("computed");
        assert!(members.results.len() <= 4, "one new before one goes: {}", members.results.len());
        assert_eq!(graph.get(keyed.all), Some(&vec![0, 99, 100]));
    }
}
