//! Operations that finish one by one under one list: each is seen by the engine before the next is let go.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use ci_core::current::{build_with, constant};
use ci_core::{Bind, Bindings, Builder, Current, Job, Level, OpError, OpId, Unbound};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};

use super::note;
use crate::engines::{Running, state_in_memory, state_on_disk};
use crate::score::Score;
use crate::shape::{Random, Sizes};

/// With the state in memory.
pub const IN_MEMORY: &str = "operations, one by one, state in memory";
/// With the state on a disk.
pub const ON_DISK: &str = "operations, one by one, state on disk";
/// So many.
pub const ONCE: &str = "10,000";
/// And twice as many.
pub const TWICE: &str = "20,000";

const ROUNDS: usize = 3;

/// Where the state is.
type Place = fn() -> Option<TempDir>;

const PLACES: [(&str, Place); 2] = [(IN_MEMORY, state_in_memory), (ON_DISK, || Some(state_on_disk()))];

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    for (work, place) in PLACES.into_iter().filter(|(work, _)| wanted(work)) {
        let mut times = vec![Vec::new(); 2];
        for _ in 0..ROUNDS {
            for (operations, times) in [sizes.operations, 2 * sizes.operations].into_iter().zip(&mut times) {
                times.extend(place().map(|state| one_by_one(state, operations)));
            }
        }
        note(score, work, [ONCE, TWICE].into_iter(), times);
    }
}

fn one_by_one(state: TempDir, operations: usize) -> f64 {
    let held = Held::new(operations);
    let mut begun = held.0.begun.subscribe();
    let mut running =
        Running::start(state, |engine| engine.with(held.clone()), || pipeline(operations, &held));
    let mut order: Vec<usize> = (0..operations).collect();
    Random::default().shuffle(&mut order);
    running.block_on(async {
        begun.wait_for(|begun| *begun == operations as u64).await.expect("because it is held here, too");
    });
    assert!(running.status().outcome.is_err());
    let began = Instant::now();
    for (done, at) in (1..).zip(order) {
        held.let_go(at);
        running.wait(|_| held.0.done.load(Relaxed) >= done);
    }
    running.wait(|status| status.outcome.is_ok());
    let took = began.elapsed();
    assert_eq!(held.0.done.load(Relaxed), operations as u64);
    took.as_secs_f64()
}

/// So many operations under one list. What the engine sees of them is counted.
fn pipeline(operations: usize, held: &Held) -> Current<()> {
    let held = held.clone();
    let numbers = constant((0..operations).collect::<Vec<_>>());
    let each = numbers.each("operation", move |at| {
        let held = held.clone();
        operation(at).map(move |()| _ = held.0.done.fetch_add(1, Relaxed))
    });
    each.ignore()
}

/// One.
fn operation(at: &Current<usize>) -> Current<()> {
    build_with::<Held, _>(at, "", "hold", |_, at| Key { at: *at })
}

/// Operations each of which waits until it is let go.
#[derive(Clone)]
pub(super) struct Held(Arc<Shared>);

struct Shared {
    go: Vec<Notify>,
    begun: watch::Sender<u64>,
    /// How many the engine has seen.
    done: AtomicU64,
}

impl Held {
    pub(super) fn new(operations: usize) -> Self {
        let go = (0..operations).map(|_| Notify::new()).collect();
        Self(Arc::new(Shared { go, begun: watch::Sender::new(0), done: AtomicU64::new(0) }))
    }

    pub(super) fn let_go(&self, at: usize) {
        self.0.go[at].notify_one();
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) at: usize,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {}", self.at)
    }
}

impl Bind for Held {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Held {
    const ID: OpId = OpId::new("hold");
    const AUTO_CANCEL: bool = false;
    type Key = Key;
    type Value = ();

    fn level(&self, _: &Key) -> Level {
        Level::Harmless
    }

    async fn build(&self, _: &Job, key: &Key) -> Result<(), OpError> {
        self.0.begun.send_modify(|begun| *begun += 1);
        self.0.go[key.at].notified().await;
        Ok(())
    }
}
