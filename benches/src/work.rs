//! The workloads that several engines do, and what each must come to.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::heap;
use crate::shape::{Random, STEPS, Shape, Sizes, steps};

/// A workload that engines compete at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// W1.
    Chain,
    /// W2.
    Many,
    /// W2, always the first leaf.
    ManyFirst,
    /// W2, always the last leaf.
    ManyLast,
    /// W3.
    Repos,
    /// W3, larger.
    Large,
    /// W5.
    Vain,
    /// W6.
    List,
    /// W7.
    Batch,
    /// An input is set to what it is: what a step of a whole engine costs before it does anything.
    Wake,
}

impl Workload {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "W1 chain of 1,000",
            Self::Many | Self::ManyFirst | Self::ManyLast => "W2 one of 10,000",
            Self::Repos => "W3 one head of 20,000",
            Self::Large => "W3 at 1.2 million nodes",
            Self::Vain => "W5 a change cut off",
            Self::List => "W6 list, one goes or comes",
            Self::Batch => "W7 1,000 heads, each",
            Self::Wake => "W3 a step that finds nothing",
        }
    }

    /// Its graph; `None`: it is no grid.
    pub fn shape(self, sizes: &Sizes) -> Option<Shape> {
        let Sizes { chain, leaves, repos, heads, large, .. } = *sizes;
        Some(match self {
            Self::Chain => Shape { groups: 1, inputs: 1, depth: chain },
            Self::Many | Self::ManyFirst | Self::ManyLast => Shape { groups: 1, inputs: leaves, depth: 1 },
            Self::Repos | Self::Vain | Self::Batch => Shape { groups: repos, inputs: heads, depth: STEPS },
            Self::Large => Shape { groups: repos * large, inputs: heads, depth: STEPS },
            Self::Wake => Shape { groups: 1, inputs: 1, depth: 1 },
            Self::List => return None,
        })
    }
}

/// An engine that is ready to do a workload.
pub trait Work {
    /// Makes so many changes, or a few more, and checks what they came to. What a caller would have to prepare is not
    /// in the cost, nor is the check.
    fn run(&mut self, changes: u64) -> Cost;
}

/// What changes cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// How many there were.
    pub changes: u64,
    /// How long they took together.
    pub took: Duration,
    /// How often memory was asked for, if that was counted.
    pub allocations: u64,
}

impl Cost {
    /// What it costs to make so many changes by `work`.
    pub fn of<R>(changes: u64, work: impl FnOnce() -> R) -> (Self, R) {
        let (before, began) = (heap::allocations(), Instant::now());
        let result = work();
        let took = began.elapsed();
        (Self { changes, took, allocations: heap::allocations() - before }, result)
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.changes += other.changes;
        self.took += other.took;
        self.allocations += other.allocations;
    }

    /// Seconds for each change.
    pub fn each(&self) -> f64 {
        self.took.as_secs_f64() / self.changes as f64
    }
}

/// An engine with a graph of some shape.
pub trait Grid: 'static {
    /// Makes the graph, and runs it once. The inputs are [`Shape::values`].
    fn new(shape: Shape) -> Self;
    /// Gives an input a value.
    fn set(&mut self, at: usize, value: u64);
    /// Brings everything up to date, and says what it all sums up to, modulo 2⁶⁴.
    fn sum(&mut self) -> u64;
}

/// An engine with a keyed list, the sum of 5 steps of each element's value.
pub trait Keyed: 'static {
    /// A list as the engine takes it.
    type List;
    /// Makes it with element `i` of value `values[i]` and key `i`.
    fn new(values: &[u64]) -> Self;
    /// All elements.
    fn full(&self) -> Self::List;
    /// All but one.
    fn without(&self, at: usize) -> Self::List;
    /// Sets the list, brings everything up to date, and says what it sums up to.
    fn set(&mut self, list: Self::List) -> u64;
}

/// Makes an engine that has grids ready for a workload.
pub fn on_grid<G: Grid>(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    let shape = workload.shape(sizes)?;
    let (values, random) = (shape.values(), Random::default());
    let next = 2 * values.len() as u64;
    let work = OnGrid { workload, grid: G::new(shape), shape, values, random, next };
    Some(Box::new(work))
}

struct OnGrid<G> {
    workload: Workload,
    grid: G,
    shape: Shape,
    values: Vec<u64>,
    random: Random,
    next: u64,
}

impl<G: Grid> OnGrid<G> {
    fn set(&mut self, at: usize, value: u64) {
        self.values[at] = value;
        self.grid.set(at, value);
    }

    /// Gives an input a value that none had.
    fn change(&mut self, at: usize) {
        self.next += 2;
        self.set(at, self.next);
    }

    fn changes_at_once(&mut self) {
        let Shape { groups, inputs, .. } = self.shape;
        match self.workload {
            Workload::Batch => {
                for group in 0..groups {
                    let at = group * inputs + self.random.below(inputs);
                    self.change(at);
                }
            }
            Workload::Vain => {
                let at = self.random.below(self.values.len());
                self.set(at, self.values[at] ^ 1);
            }
            Workload::ManyFirst => self.change(0),
            Workload::ManyLast => self.change(inputs - 1),
            _ => {
                let at = self.random.below(self.values.len());
                self.change(at);
            }
        }
    }
}

impl<G: Grid> Work for OnGrid<G> {
    fn run(&mut self, changes: u64) -> Cost {
        let at_once = if self.workload == Workload::Batch { self.shape.groups as u64 } else { 1 };
        let turns = changes.div_ceil(at_once);
        let (cost, ()) = Cost::of(turns * at_once, || {
            for _ in 0..turns {
                self.changes_at_once();
                black_box(self.grid.sum());
            }
        });
        let sum = self.values.iter().fold(0, |sum: u64, x| sum.wrapping_add(steps(self.shape.depth, *x)));
        assert_eq!(self.grid.sum(), sum);
        cost
    }
}

/// Makes an engine that has keyed lists ready for [`Workload::List`].
pub fn on_list<K: Keyed>(sizes: &Sizes) -> Option<Box<dyn Work>> {
    let values: Vec<u64> = (0..sizes.list).map(|i| 2 * i as u64).collect();
    let ends = values.iter().map(|x| steps(STEPS, *x)).collect();
    Some(Box::new(OnList { keyed: K::new(&values), ends, missing: None, random: Random::default() }))
}

/// A list of which one element is missing, another one each time, at every second change.
struct OnList<K> {
    keyed: K,
    ends: Vec<u64>,
    missing: Option<usize>,
    random: Random,
}

impl<K: Keyed> Work for OnList<K> {
    fn run(&mut self, changes: u64) -> Cost {
        let full = self.ends.iter().fold(0, |sum: u64, x| sum.wrapping_add(*x));
        let mut all = Cost::default();
        for _ in 0..changes {
            let (list, sum) = match self.missing.take() {
                Some(_) => (self.keyed.full(), full),
                None => {
                    let at = *self.missing.insert(self.random.below(self.ends.len()));
                    (self.keyed.without(at), full.wrapping_sub(self.ends[at]))
                }
            };
            let (cost, got) = Cost::of(1, || self.keyed.set(list));
            assert_eq!(got, sum);
            all.add(cost);
        }
        all
    }
}
