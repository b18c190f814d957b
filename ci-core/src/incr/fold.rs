//! One value of many inputs, at the cost of those that changed.

use super::aggregate::{Aggregate, Tree};
use super::compute::Compute;
use super::cx::Cx;
use super::graph::Graph;
use super::id::{Id, Node};

struct Fold<T, G, L> {
    inputs: Box<[Node<T>]>,
    lift: L,
    aggregate: G,
    changed: Vec<u32>,
    /// New, or a run did not end: everything is read.
    torn: bool,
}

impl<W, T, G, L> Compute<W> for Fold<T, G, L>
where
    T: 'static,
    G: Aggregate,
    L: FnMut(&T) -> G::Leaf + Send + 'static,
{
    type Value = G::Value;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        if std::mem::replace(&mut self.torn, true) {
            self.aggregate.rebuild(self.inputs.iter().map(|&input| (self.lift)(cx.get(input))));
        } else {
            for &slot in &self.changed {
                let leaf = (self.lift)(cx.get(self.inputs[slot as usize]));
                self.aggregate.set(slot as usize, leaf);
            }
        }
        let changed = self.aggregate.settle();
        self.changed.clear();
        self.torn = false;
        changed
    }

    fn value(&self) -> &G::Value {
        self.aggregate.value()
    }

    fn input_changed(&mut self, slot: u32) {
        if !self.torn {
            self.changed.push(slot);
        }
    }
}

impl<W> Graph<W> {
    /// An associative function over the inputs in their order: `lift` gives each one's part, `combine` joins two
    /// neighbours, `empty` is the value of no inputs. O(log n) for each input that changed.
    pub fn fold<T, A, L, C>(&mut self, inputs: &[Node<T>], empty: A, lift: L, combine: C) -> Node<A>
    where
        T: 'static,
        A: Clone + PartialEq + Send + 'static,
        L: FnMut(&T) -> A + Send + 'static,
        C: Fn(&A, &A) -> A + Send + 'static,
    {
        self.aggregate(inputs, lift, Tree::new(empty, combine))
    }

    /// Any [`Aggregate`] of what `lift` gives for each input, in their order.
    pub fn aggregate<T, G, L>(&mut self, inputs: &[Node<T>], lift: L, aggregate: G) -> Node<G::Value>
    where
        T: 'static,
        G: Aggregate,
        L: FnMut(&T) -> G::Leaf + Send + 'static,
    {
        let ids: Vec<Id> = inputs.iter().map(|input| input.id()).collect();
        let fold = Fold { inputs: inputs.into(), lift, aggregate, changed: Vec::new(), torn: true };
        self.insert_with_slots(&ids, fold)
    }
}
