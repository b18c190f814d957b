//! W3 and W7 said with [`Current`] and done by an engine.
//!
//! The end of each chain is done or failed, as a commit's test is, and the status of all is what people ask for
//! first. A value that is never wrong leaves that status alone, and so do most commits; one that is wrong half of the
//! time moves the status of its repository, and that of all, at every second change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ci_core::current::{Input, Pending, all, input};
use ci_core::engine::{Handle, Status};
use ci_core::{Current, Engine, OpError};
use criterion::Criterion;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::shape::{Random, STEPS, Sizes, step, steps};
use crate::table::Table;
use crate::work::W7;

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table, sizes: &Sizes) {
    let Sizes { repos, heads, .. } = *sizes;
    for (every, name) in [(NEVER, "whole, all stays done"), (2, "whole, half of them fail")] {
        table.measure(
            criterion,
            (W7, name),
            || Whole::new(repos, heads, every),
            |whole, times| {
                let took = whole.time(times, |whole| {
                    (0..repos).map(|repo| repo * heads + whole.random.below(heads)).collect()
                });
                took / repos as u32
            },
        );
    }
    let work = ("W3 one head", "whole, with two threads' wake-ups");
    table.measure(
        criterion,
        work,
        || Whole::new(repos, heads, NEVER),
        |whole, times| whole.time(times, |whole| vec![whole.random.below(repos * heads)]),
    );
}

/// A divisor that no value has.
const NEVER: u64 = 1 << 50;

struct Whole {
    inputs: Vec<Input<u64>>,
    values: Vec<u64>,
    /// Values whose remainder is 0 fail.
    every: u64,
    next: u64,
    random: Random,
    /// How many values have come to the end of their chain.
    done: Arc<AtomicU64>,
    set: u64,
    engine: Handle,
    status: watch::Receiver<Status>,
    runtime: Runtime,
    _state: TempDir,
}

fn verdict(every: u64, at: usize, x: u64) -> Result<(), OpError> {
    if x.is_multiple_of(every) { Err(OpError::permanent(format!("head {at} fails"))) } else { Ok(()) }
}

impl Whole {
    fn new(repos: usize, heads: usize, every: u64) -> Self {
        let values: Vec<u64> = (0..repos * heads).map(|i| 2 * i as u64 + 2).collect();
        let done = Arc::new(AtomicU64::new(0));
        let (inputs, ends): (Vec<_>, Vec<_>) = values
            .iter()
            .enumerate()
            .map(|(at, value)| {
                let (set, head) = input("head", *value);
                let last = (0..STEPS - 1).fold(head, |node, s| node.map(move |x| step(s, *x)));
                let done = done.clone();
                let end = last.try_map(move |x| {
                    done.fetch_add(1, Ordering::Relaxed);
                    verdict(every, at, step(STEPS - 1, *x))
                });
                (set, end)
            })
            .unzip();
        let pipeline: Current<()> = all(ends.chunks(heads).map(|repo| all(repo.iter().cloned())));
        drop(ends);
        let state = tempfile::tempdir().expect("because a temporary folder can be made");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("because threads can be had");
        let engine = runtime.block_on(async {
            let engine = Engine::open(state.path()).expect("because the folder is new");
            engine.start(|| pipeline).expect("because nothing has to be bound")
        });
        let next = 2 * values.len() as u64 + 2;
        let set = values.len() as u64;
        let random = Random::new();
        let status = engine.status();
        let mut whole =
            Self { inputs, values, every, next, random, done, set, engine, status, runtime, _state: state };
        whole.settle();
        whole.check();
        whole
    }

    /// Returns when the engine has done all that was set.
    fn settle(&mut self) {
        self.runtime.block_on(async {
            while self.done.load(Ordering::Relaxed) < self.set {
                self.status.changed().await.expect("because the engine runs");
            }
        });
    }

    fn time(&mut self, times: u64, mut which: impl FnMut(&mut Self) -> Vec<usize>) -> Duration {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let which = which(self);
            let began = Instant::now();
            for at in which {
                self.next += 2;
                self.values[at] = self.next;
                self.inputs[at].set(self.next);
                self.set += 1;
            }
            self.settle();
            took += began.elapsed();
        }
        self.check();
        took
    }

    /// Compares the status with everything computed anew.
    fn check(&self) {
        let first = self.values.iter().enumerate().find_map(|(at, x)| {
            let error = verdict(self.every, at, steps(STEPS, *x)).err()?;
            Some(ci_core::Failure::from(&error))
        });
        let told = |outcome: &Result<(), Pending>| match (outcome, &first) {
            (Ok(()), None) => true,
            (Err(Pending::Failed(failure)), Some(first)) => **failure == *first,
            _ => false,
        };
        let mut status = self.engine.status();
        let right = self.runtime.block_on(async {
            // The last step's status may be a moment away.
            let seen = status.wait_for(|status| told(&status.outcome));
            tokio::time::timeout(Duration::from_secs(10), seen).await.is_ok()
        });
        assert!(right, "expected {first:?}, but it is {:?}", self.engine.status().borrow().outcome);
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.runtime.block_on(self.engine.stop());
    }
}
