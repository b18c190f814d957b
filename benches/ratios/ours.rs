//! [`ci_core::incr`].

use std::marker::PhantomData;

use ci_core::incr::{Aggregate, Graph, Node};

use crate::shape::Engine;

/// How a sum is kept.
pub(crate) trait Summing {
    fn sum(graph: &mut Graph<()>, nodes: &[Node<u64>]) -> Node<u64>;
}

/// As any associative function is: O(log n).
pub(crate) struct Folded;

impl Summing for Folded {
    fn sum(graph: &mut Graph<()>, nodes: &[Node<u64>]) -> Node<u64> {
        graph.fold(nodes, 0, u64::clone, |a, b| a.wrapping_add(*b))
    }
}

/// By an aggregate that knows that sums can be undone, as the peer's: O(1).
#[derive(Default)]
pub(crate) struct Difference {
    leaves: Vec<u64>,
    next: u64,
    sum: u64,
}

impl Summing for Difference {
    fn sum(graph: &mut Graph<()>, nodes: &[Node<u64>]) -> Node<u64> {
        graph.aggregate(nodes, u64::clone, Self::default())
    }
}

impl Aggregate for Difference {
    type Leaf = u64;
    type Value = u64;

    fn rebuild(&mut self, leaves: impl Iterator<Item = u64>) {
        self.leaves = leaves.collect();
        self.next = self.leaves.iter().fold(0, |sum, leaf| sum.wrapping_add(*leaf));
    }

    fn set(&mut self, at: usize, leaf: u64) {
        let old = std::mem::replace(&mut self.leaves[at], leaf);
        self.next = self.next.wrapping_sub(old).wrapping_add(leaf);
    }

    fn settle(&mut self) -> bool {
        std::mem::replace(&mut self.sum, self.next) != self.next
    }

    fn value(&self) -> &u64 {
        &self.sum
    }
}

pub(crate) struct Ours<S> {
    graph: Graph<()>,
    observed: Option<Node<u64>>,
    summing: PhantomData<S>,
}

impl<S: Summing> Engine for Ours<S> {
    type Var = Node<u64>;
    type Node = Node<u64>;

    fn new(_: usize) -> Self {
        Self { graph: Graph::new(()), observed: None, summing: PhantomData }
    }

    fn var(&mut self, value: u64) -> (Node<u64>, Node<u64>) {
        let var = self.graph.var(value);
        (var, var)
    }

    fn map(&mut self, a: &Node<u64>, f: impl Fn(u64) -> u64 + Send + 'static) -> Node<u64> {
        self.graph.map(*a, move |x| f(*x))
    }

    fn sum(&mut self, nodes: &[Node<u64>]) -> Node<u64> {
        S::sum(&mut self.graph, nodes)
    }

    fn observe(&mut self, node: &Node<u64>) {
        self.observed = Some(*node);
    }

    fn set(&mut self, var: &Node<u64>, value: u64) {
        self.graph.set(*var, value);
    }

    fn propagate(&mut self) {
        self.graph.propagate();
    }

    fn value(&self) -> u64 {
        let node = self.observed.expect("because it is observed before it is read");
        *self.graph.get(node).expect("because it was propagated before it is read")
    }
}
