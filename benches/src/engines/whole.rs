//! [`ci_core::Current`], run by an engine.
//!
//! The end of each chain is done or failed, as a commit's test is, and the status of all is what people ask for first.
//! A change makes a head fail, the next heals it: so each goes through all that stands above its head, to the status.
//! (That the second finds its way in the machine's caches is to this engine's favour; that a failure is made, with its
//! text, is not.)

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ci_core::current::{Input, all, input};
use ci_core::{Current, OpError};

use super::{Running, state_on_disk};
use crate::shape::{Random, STEPS, Shape, Sizes, step, steps};
use crate::work::{Cost, Keyed, Work, Workload, on_list};

/// See [`super::WHOLE`].
pub fn ready(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    match workload {
        Workload::List => on_list::<WholeList>(sizes),
        Workload::ManyFirst | Workload::ManyLast => None,
        _ => Some(Box::new(Whole::new(workload, workload.shape(sizes)?))),
    }
}

/// What has come to the ends of the chains.
#[derive(Debug, Default)]
pub struct Seen {
    /// By head.
    ends: Vec<AtomicU64>,
    /// How often anything came.
    times: AtomicU64,
}

/// The inputs, and what is made of them. `seen` is told what comes to the ends.
pub fn pipeline(shape: Shape, values: &[u64], seen: Option<&Arc<Seen>>) -> (Vec<Input<u64>>, Current<()>) {
    let mut ends = Vec::with_capacity(values.len());
    let mut inputs = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        let (set, head) = input("head", *value);
        let last = shape.depth - 1;
        let before = (0..last).fold(head, |node, s| node.map(move |x| step(s, *x)));
        ends.push(match seen.cloned() {
            None => before.try_map(move |x| verdict(step(last, *x))),
            Some(seen) => before.try_map(move |x| {
                let end = step(last, *x);
                seen.ends[at].store(end, Relaxed);
                seen.times.fetch_add(1, Relaxed);
                verdict(end)
            }),
        });
        inputs.push(set);
    }
    let mut groups = ends.chunks(shape.inputs).map(|group| match group {
        [only] => only.clone(),
        _ => all(group.iter().cloned()),
    });
    let pipeline = if shape.groups == 1 { groups.next().expect("because there is one") } else { all(groups) };
    (inputs, pipeline)
}

fn verdict(end: u64) -> Result<(), OpError> {
    if end.is_multiple_of(2) { Ok(()) } else { Err(OpError::permanent("red")) }
}

/// Values none of which fails.
pub fn green(shape: Shape) -> Vec<u64> {
    let wanted = Parity::of(shape);
    (0..shape.leaves() as u64).map(|i| 4 * i + wanted.green).collect()
}

/// Which values fail: a step keeps it whether two values differ in their last bit.
struct Parity {
    /// The least even value that does not fail.
    green: u64,
}

impl Parity {
    fn of(shape: Shape) -> Self {
        Self { green: 2 * (steps(shape.depth, 0) % 2) }
    }
}

/// W3, say, as a pipeline that runs.
pub(crate) struct Whole {
    running: Running,
    workload: Workload,
    shape: Shape,
    inputs: Vec<Input<u64>>,
    values: Vec<u64>,
    /// Which fail now.
    red: Vec<usize>,
    seen: Arc<Seen>,
    /// How often something has to have come to an end.
    times: u64,
    next: u64,
    random: Random,
}

impl Whole {
    /// Returns when it has run for the first time.
    pub(crate) fn new(workload: Workload, shape: Shape) -> Self {
        let values = green(shape);
        let ends = values.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
        let seen = Arc::new(Seen { ends, times: AtomicU64::new(0) });
        let (inputs, pipeline) = pipeline(shape, &values, Some(&seen));
        let running = Running::start(state_on_disk(), |engine| engine, || pipeline);
        let (next, times) = (4 * values.len() as u64, values.len() as u64);
        let (red, random) = (Vec::new(), Random::default());
        let mut whole = Self { running, workload, shape, inputs, values, red, seen, times, next, random };
        whole.settle(true);
        whole.check();
        whole
    }

    /// Returns when all that was set has come to its end, and the status is what it makes of it.
    fn settle(&mut self, is_done: bool) {
        let Self { seen, times, .. } = &*self;
        let (seen, times) = (seen.clone(), *times);
        self.running.wait(|status| seen.times.load(Relaxed) >= times && status.outcome.is_ok() == is_done);
    }

    /// What is set next, and whether the status is to be *done* then.
    fn prepare(&mut self) -> (Vec<(usize, u64)>, bool) {
        let is_done = !self.red.is_empty();
        let which = if is_done {
            std::mem::take(&mut self.red)
        } else if self.workload == Workload::Batch {
            let Shape { groups, inputs, .. } = self.shape;
            (0..groups).map(|group| group * inputs + self.random.below(inputs)).collect()
        } else {
            vec![self.random.below(self.values.len())]
        };
        let green = Parity::of(self.shape).green;
        let sets = which.iter().map(|at| {
            self.next += 4;
            (*at, self.next + if is_done { green } else { 2 - green })
        });
        let sets: Vec<_> = sets.collect();
        if !is_done {
            self.red = which;
        }
        self.times += sets.len() as u64;
        sets.iter().for_each(|(at, value)| self.values[*at] = *value);
        (sets, is_done)
    }

    /// Makes a change, and waits until it is seen.
    pub(crate) fn change(&mut self) -> Cost {
        let (sets, is_done) = self.prepare();
        let (cost, ()) = Cost::of(sets.len() as u64, || {
            for (at, value) in &sets {
                self.inputs[*at].set(*value);
            }
            self.settle(is_done);
        });
        cost
    }

    /// Sets inputs without waiting, but for the end: until all is seen.
    pub(crate) fn flood(&mut self, sets: u64) -> Cost {
        let (cost, ()) = Cost::of(sets, || {
            for _ in 1..sets {
                let at = 1 + self.random.below(self.values.len() - 1);
                self.next += 2;
                self.values[at] = self.next;
                self.inputs[at].set(self.next);
            }
            // Set last, and never before: when it is seen, all is.
            self.next += 2;
            self.values[0] = self.next;
            self.inputs[0].set(self.next);
            let (seen, end) = (self.seen.clone(), steps(self.shape.depth, self.next));
            self.running.wait(|_| seen.ends[0].load(Relaxed) == end);
        });
        let is_red = |at: &usize| verdict(steps(self.shape.depth, self.values[*at])).is_err();
        self.red = (0..self.values.len()).filter(is_red).collect();
        self.times = self.seen.times.load(Relaxed);
        let is_done = self.red.is_empty();
        self.settle(is_done);
        self.check();
        cost
    }

    /// A change of which the first step makes the same, or none at all.
    fn change_in_vain(&mut self) -> Cost {
        let at = self.random.below(self.values.len());
        self.values[at] ^= u64::from(self.workload == Workload::Vain);
        let before = self.running.status().step;
        let (cost, ()) = Cost::of(1, || {
            self.inputs[at].set(self.values[at]);
            self.running.wait(|status| status.step > before);
        });
        cost
    }

    /// Compares with everything computed anew.
    fn check(&self) {
        let ends = self.seen.ends.iter().map(|end| end.load(Relaxed));
        let wanted = self.values.iter().map(|x| steps(self.shape.depth, *x));
        assert!(ends.eq(wanted), "some end is not what its head makes it");
        assert_eq!(self.running.status().outcome.is_ok(), self.red.is_empty());
        assert_eq!(self.seen.times.load(Relaxed), self.times, "something came twice, or in vain");
    }
}

impl Work for Whole {
    fn run(&mut self, changes: u64) -> Cost {
        let mut all = Cost::default();
        while all.changes < changes {
            all.add(match self.workload {
                Workload::Vain | Workload::Wake => self.change_in_vain(),
                _ => self.change(),
            });
        }
        self.check();
        all
    }
}

struct WholeList {
    running: Running,
    list: Input<Vec<(usize, u64)>>,
    full: Vec<(usize, u64)>,
    seen: Arc<Seen>,
}

impl Keyed for WholeList {
    type List = Vec<(usize, u64)>;

    fn new(values: &[u64]) -> Self {
        let full: Vec<_> = values.iter().copied().enumerate().collect();
        let seen = Arc::new(Seen { ends: vec![AtomicU64::new(0)], times: AtomicU64::new(0) });
        let (list, heads) = input("heads", full.clone());
        let ends = heads.each_by(
            "head",
            |(key, _)| *key,
            |item| {
                let head = item.map(|(_, value)| *value);
                (0..STEPS).fold(head, |node, s| node.map(move |x| step(s, *x)))
            },
        );
        let told = seen.clone();
        let sum = ends.map(move |row| {
            told.ends[0].store(row.iter().fold(0, |sum: u64, x| sum.wrapping_add(*x)), Relaxed);
            told.times.fetch_add(1, Relaxed);
        });
        let mut running = Running::start(state_on_disk(), |engine| engine, || sum);
        running.wait(|status| status.outcome.is_ok());
        Self { running, list, full, seen }
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
        let before = self.seen.times.load(Relaxed);
        self.list.set(list);
        let seen = self.seen.clone();
        self.running.wait(|_| seen.times.load(Relaxed) > before);
        self.seen.ends[0].load(Relaxed)
    }
}
