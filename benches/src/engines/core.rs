//! [`ci_core::incr`].

use std::marker::PhantomData;

use ci_core::incr::{Aggregate, Graph, Group, Node, Pairs};

use crate::shape::{STEPS, Shape, Sizes, step};
use crate::work::{Grid, Keyed, Work, Workload, on_grid, on_list};

/// See [`super::CORE`].
pub fn ready(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    match workload {
        Workload::List => on_list::<CoreList>(sizes),
        Workload::Wake => None,
        _ => on_grid::<Core<Difference>>(workload, sizes),
    }
}

/// See [`super::ANY_FOLD`].
pub fn ready_any_fold(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    match workload {
        // The same as above: a single chain has no sum, and a list's is taken of its row.
        Workload::Chain | Workload::List | Workload::Wake => None,
        _ => on_grid::<Core<Folded>>(workload, sizes),
    }
}

/// How a sum is kept.
pub(crate) trait Summing: 'static {
    fn sum(graph: &mut Graph<()>, nodes: &[Node<u64>]) -> Node<u64>;
}

/// As any associative function is: O(log n).
struct Folded;

impl Summing for Folded {
    fn sum(graph: &mut Graph<()>, nodes: &[Node<u64>]) -> Node<u64> {
        graph.fold(nodes, 0, u64::clone, |a, b| a.wrapping_add(*b))
    }
}

/// As what can be undone: O(1).
pub(crate) struct Difference;

impl Summing for Difference {
    fn sum(graph: &mut Graph<()>, nodes: &[Node<u64>]) -> Node<u64> {
        graph.aggregate(nodes, u64::clone, difference())
    }
}

/// A sum of which a part can be taken away.
fn difference() -> impl Aggregate<Leaf = u64, Value = u64> {
    Group::new(0, |a: &u64, b: &u64| a.wrapping_add(*b), |a: &u64, b: &u64| a.wrapping_sub(*b))
}

fn chain(graph: &mut Graph<()>, from: Node<u64>, len: usize) -> Node<u64> {
    (0..len).fold(from, |node, s| graph.map(node, move |x| step(s, *x)))
}

/// A graph of it.
pub(crate) struct Core<S> {
    graph: Graph<()>,
    vars: Vec<Node<u64>>,
    root: Node<u64>,
    summing: PhantomData<S>,
}

impl<S: Summing> Grid for Core<S> {
    fn new(shape: Shape) -> Self {
        let mut graph = Graph::new(());
        let vars: Vec<_> = shape.values().into_iter().map(|value| graph.var(value)).collect();
        let ends: Vec<_> = vars.iter().map(|var| chain(&mut graph, *var, shape.depth)).collect();
        let mut sum =
            |nodes: &[Node<u64>]| if let [only] = nodes { *only } else { S::sum(&mut graph, nodes) };
        let sums: Vec<_> = ends.chunks(shape.inputs).map(&mut sum).collect();
        let root = sum(&sums);
        graph.propagate();
        Self { graph, vars, root, summing: PhantomData }
    }

    fn set(&mut self, at: usize, value: u64) {
        self.graph.set(self.vars[at], value);
    }

    fn sum(&mut self) -> u64 {
        self.graph.propagate();
        *self.graph.get(self.root).expect("because it was propagated")
    }
}

struct CoreList {
    graph: Graph<()>,
    list: Node<Vec<(usize, u64)>>,
    sum: Node<u64>,
    full: Vec<(usize, u64)>,
}

impl Keyed for CoreList {
    type List = Vec<(usize, u64)>;

    fn new(values: &[u64]) -> Self {
        let full: Vec<_> = values.iter().copied().enumerate().collect();
        let mut graph = Graph::new(());
        let list = graph.var(full.clone());
        let each = Pairs::new(|graph: &mut Graph<()>, _: &usize, item| {
            let head = graph.map(item, |(_, value): &(usize, u64)| *value);
            chain(graph, head, STEPS)
        });
        let sum = graph.keyed_with(list, each, u64::clone, difference()).all;
        graph.propagate();
        Self { graph, list, sum, full }
    }

    fn full(&self) -> Self::List {
        self.full.clone()
    }

    fn without(&self, at: usize) -> Self::List {
        let mut list = self.full.clone();
        list.remove(at);
        list
    }

    fn set(&mut self, list: Self::List) -> u64 {
        self.graph.set(self.list, list);
        self.graph.propagate();
        *self.graph.get(self.sum).expect("because it was propagated")
    }
}
