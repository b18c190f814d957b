//! Crate `incremental`, in its best form: sums are expert nodes, told of each change by a function of the edge, which
//! is O(1), where [`ci_core::incr::Graph::fold`] is O(log n) but takes any associative function.

use std::cell::Cell;
use std::rc::Rc;

use incremental::{Incr, IncrState, Observer, Var, expert};

use crate::shape::Engine;

pub(crate) struct Peer {
    // Before the state, which must outlive them.
    observer: Option<Observer<u64>>,
    nodes: Vec<expert::Node<u64>>,
    state: IncrState,
}

impl Engine for Peer {
    type Var = Var<u64>;
    type Node = Incr<u64>;

    fn new(height: usize) -> Self {
        Self { observer: None, nodes: Vec::new(), state: IncrState::new_with_height(height.max(128)) }
    }

    fn var(&mut self, value: u64) -> (Var<u64>, Incr<u64>) {
        let var = self.state.var(value);
        let node = var.watch();
        (var, node)
    }

    fn map(&mut self, a: &Incr<u64>, f: impl Fn(u64) -> u64 + Send + 'static) -> Incr<u64> {
        a.map(move |x| f(*x))
    }

    fn sum(&mut self, nodes: &[Incr<u64>]) -> Incr<u64> {
        let sum = Rc::new(Cell::new(0_u64));
        let node = expert::Node::new(&self.state.weak(), {
            let sum = sum.clone();
            move || sum.get()
        });
        for input in nodes {
            let (sum, old) = (sum.clone(), Cell::new(0));
            node.add_dependency_with(input, move |new: &u64| {
                sum.set(sum.get().wrapping_sub(old.replace(*new)).wrapping_add(*new));
            });
        }
        let watched = node.watch();
        self.nodes.push(node);
        watched
    }

    fn observe(&mut self, node: &Incr<u64>) {
        self.observer = Some(node.observe());
    }

    fn set(&mut self, var: &Var<u64>, value: u64) {
        var.set(value);
    }

    fn propagate(&mut self) {
        self.state.stabilise();
    }

    fn value(&self) -> u64 {
        self.observer.as_ref().expect("because it is observed before it is read").value()
    }
}
