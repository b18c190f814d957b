//! Crate `incremental`, in its best form: sums are expert nodes, told of each change by a function of the edge.
//!
//! Nobody listens to its tracing, so a span costs it the look at a flag. To compile that away, too, would take a
//! feature of `tracing` that a build of the whole workspace would give to the programs, whose logs would be empty.

use std::cell::Cell;
use std::rc::Rc;

use incremental::{Incr, IncrState, Observer, Var, expert};

use crate::shape::{Shape, Sizes, step};
use crate::work::{Grid, Work, Workload, on_grid};

/// See [`super::INCREMENTAL`].
pub fn ready(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    match workload {
        Workload::Wake => None,
        _ => on_grid::<Incremental>(workload, sizes),
    }
}

pub(crate) struct Incremental {
    vars: Vec<Var<u64>>,
    // These before the state, which must outlive them.
    observer: Observer<u64>,
    _sums: Vec<expert::Node<u64>>,
    state: IncrState,
}

fn sum(state: &IncrState, sums: &mut Vec<expert::Node<u64>>, nodes: &[Incr<u64>]) -> Incr<u64> {
    if let [only] = nodes {
        return only.clone();
    }
    let sum = Rc::new(Cell::new(0_u64));
    let node = expert::Node::new(&state.weak(), {
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
    sums.push(node);
    watched
}

impl Grid for Incremental {
    fn new(shape: Shape) -> Self {
        // Its default is a limit of 128.
        let state = IncrState::new_with_height((shape.depth + 10).max(128));
        let vars: Vec<_> = shape.values().into_iter().map(|value| state.var(value)).collect();
        let steps =
            |var: &Var<u64>| (0..shape.depth).fold(var.watch(), |node, s| node.map(move |x| step(s, *x)));
        let ends: Vec<_> = vars.iter().map(steps).collect();
        let mut nodes = Vec::new();
        let sums: Vec<_> = ends.chunks(shape.inputs).map(|ends| sum(&state, &mut nodes, ends)).collect();
        let observer = sum(&state, &mut nodes, &sums).observe();
        state.stabilise();
        Self { vars, observer, _sums: nodes, state }
    }

    fn set(&mut self, at: usize, value: u64) {
        self.vars[at].set(value);
    }

    fn sum(&mut self) -> u64 {
        self.state.stabilise();
        self.observer.value()
    }
}
