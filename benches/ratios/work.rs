//! The core's workloads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ci_core::incr;
use criterion::Criterion;

use crate::ours::{self, Difference, Folded};
use crate::peer::Peer;
use crate::shape::{Engine, Graph, Random, STEPS, Sizes, step, steps};
use crate::table::Table;

type Core = ours::Ours<Folded>;
type ByDifference = ours::Ours<Difference>;

const BY_DIFFERENCE: &str = "core, sums by difference";

pub(crate) const W7: &str = "W7 a batch, per change";

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table, sizes: &Sizes) {
    // In turn, so that what else happens on the machine hits both.
    chain::<Core>(criterion, table, sizes, "core");
    chain::<Peer>(criterion, table, sizes, "incremental, expert");
    one::<Core>(criterion, table, "W2 one of many", "core", (1, sizes.leaves, 1));
    one::<ByDifference>(criterion, table, "W2 one of many", BY_DIFFERENCE, (1, sizes.leaves, 1));
    one::<Peer>(criterion, table, "W2 one of many", "incremental, expert", (1, sizes.leaves, 1));
    let repos = (sizes.repos, sizes.heads, STEPS);
    one::<Core>(criterion, table, "W3 one head", "core", repos);
    one::<ByDifference>(criterion, table, "W3 one head", BY_DIFFERENCE, repos);
    one::<Peer>(criterion, table, "W3 one head", "incremental, expert", repos);
    in_vain::<Core>(criterion, table, "core", repos);
    in_vain::<Peer>(criterion, table, "incremental, expert", repos);
    keyed(criterion, table, sizes.list);
    batch::<Core>(criterion, table, "core", repos);
    batch::<Peer>(criterion, table, "incremental, expert", repos);
}

fn chain<E: Engine>(criterion: &mut Criterion, table: &mut Table, sizes: &Sizes, who: &'static str) {
    one::<E>(criterion, table, "W1 chain", who, (1, 1, sizes.chain));
}

/// Changes `times` inputs, each with a step of its own, then compares with the model.
fn time<E: Engine>(graph: &mut Graph<E>, times: u64, change: fn(&mut Graph<E>, usize)) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        let at = graph.random.below(graph.values.len());
        change(graph, at);
        graph.engine.propagate();
        black_box(graph.engine.value());
    }
    let took = began.elapsed();
    graph.check();
    took
}

fn one<E: Engine>(
    criterion: &mut Criterion,
    table: &mut Table,
    work: &'static str,
    who: &'static str,
    (groups, inputs, depth): (usize, usize, usize),
) {
    let make = || Graph::<E>::new(groups, inputs, depth);
    table.measure(criterion, (work, who), make, |graph, times| time(graph, times, Graph::change));
}

fn in_vain<E: Engine>(
    criterion: &mut Criterion,
    table: &mut Table,
    who: &'static str,
    (groups, inputs, depth): (usize, usize, usize),
) {
    let make = || Graph::<E>::new(groups, inputs, depth);
    let work = "W5 change cut off";
    table.measure(criterion, (work, who), make, |graph, times| time(graph, times, Graph::change_in_vain));
}

fn batch<E: Engine>(
    criterion: &mut Criterion,
    table: &mut Table,
    who: &'static str,
    (groups, inputs, depth): (usize, usize, usize),
) {
    let make = || Graph::<E>::new(groups, inputs, depth);
    table.measure(criterion, (W7, who), make, |graph, times| {
        let began = Instant::now();
        for _ in 0..times {
            for group in 0..groups {
                let at = group * inputs + graph.random.below(inputs);
                graph.change(at);
            }
            graph.engine.propagate();
            black_box(graph.engine.value());
        }
        let took = began.elapsed();
        graph.check();
        took / groups as u32
    });
}

/// A keyed list of which one element is missing, another one each time.
struct List {
    graph: incr::Graph<()>,
    list: incr::Node<Vec<(usize, u64)>>,
    sum: incr::Node<u64>,
    full: Vec<(usize, u64)>,
    random: Random,
}

impl List {
    fn new(len: usize) -> Self {
        let full: Vec<_> = (0..len).map(|i| (i, 2 * i as u64)).collect();
        let mut graph = incr::Graph::new(());
        let list = graph.var(full.clone());
        let keyed = graph.keyed(list, |graph, _, item| {
            let head = graph.map(item, |(_, value)| *value);
            (0..STEPS).fold(head, |node, s| graph.map(node, move |x| step(s, *x)))
        });
        let sum = graph.map(keyed.all, |row| row.iter().fold(0, |sum: u64, x| sum.wrapping_add(*x)));
        graph.propagate();
        Self { graph, list, sum, full, random: Random::new() }
    }

    /// Sets the list and says how long that took; the list itself is the caller's, and so is the time to make it.
    fn set(&mut self, list: Vec<(usize, u64)>) -> Duration {
        let sum = list.iter().fold(0, |sum: u64, (_, x)| sum.wrapping_add(steps(STEPS, *x)));
        let began = Instant::now();
        self.graph.set(self.list, list);
        self.graph.propagate();
        let took = began.elapsed();
        assert_eq!(self.graph.get(self.sum), Some(&sum));
        took
    }
}

fn keyed(criterion: &mut Criterion, table: &mut Table, len: usize) {
    let work = ("W6 list, one goes or comes", "core");
    table.measure(
        criterion,
        work,
        || List::new(len),
        |list, times| {
            (0..times)
                .map(|turn| {
                    let mut next = list.full.clone();
                    if turn % 2 == 0 {
                        next.remove(list.random.below(next.len()));
                    }
                    list.set(next)
                })
                .sum()
        },
    );
}
