//! However many jobs are done with and stand in the pipeline.

use std::sync::atomic::{AtomicUsize, Ordering};

use ci_core::current::{all, build_with, constant, input};
use ci_core::engine::Evaluation;
use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Unbound};
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::{Ci, World, head};

/// How often a result was taken out of what is stored.
static READ: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, PartialEq, Serialize)]
struct Kept(u32);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        READ.fetch_add(1, Ordering::Relaxed);
        u32::deserialize(from).map(Self)
    }
}

struct Keep;

impl Bind for Keep {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self)
    }
}

impl Builder for Keep {
    const ID: OpId = OpId::new("keep");
    const AUTO_CANCEL: bool = true;
    type Key = u32;
    type Value = Kept;

    fn level(&self, _: &u32) -> Level {
        Level::Harmless
    }

    async fn build(&self, _: &Job, key: &u32) -> Result<Kept, OpError> {
        Ok(Kept(*key))
    }

    async fn is_valid(&self, _: &u32, _: &Kept) -> bool {
        READ.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// What the engine does when a head moves, beside so many jobs that are over.
async fn work_beside(jobs: u32) -> (Evaluation, usize) {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, || {
        let kept = (0..jobs).map(|n| build_with(&constant(n), "", "keep", |_: &Keep, n: &u32| *n).ignore());
        all(kept.chain([head("main").map(|n| n + 1).ignore()]))
    });
    ci.done().await;
    let (before, read) = (ci.handle.evaluation(), READ.load(Ordering::Relaxed));
    let _ = ci.story();
    world.set("main", 2);
    ci.until(|status| before.steps < status.step).await;
    let after = ci.handle.evaluation();
    assert_eq!(ci.story(), ["main is 2"]);
    ci.stop().await;
    (between(before, after), READ.load(Ordering::Relaxed) - read)
}

/// What was done from one moment to another, but for the time.
fn between(before: Evaluation, after: Evaluation) -> Evaluation {
    Evaluation {
        steps: after.steps - before.steps,
        recomputed: after.recomputed - before.recomputed,
        changed: after.changed - before.changed,
        ..Evaluation::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn not_what_is_there() {
    let few = work_beside(1).await;
    assert_eq!(few.1, 0, "no result is looked at again");
    assert!(few.0.steps == 1 && (3..=4).contains(&few.0.recomputed), "{few:?}");
    assert_eq!(work_beside(1000).await, few);
}

/// What the engine does when one of so many fails that are told together.
async fn work_of_one(at: usize, members: usize) -> Evaluation {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (inputs, tested): (Vec<_>, Vec<_>) = (0..members).map(|_| input("red", false)).unzip();
    let told = tested.into_iter().map(|tested| {
        tested.try_map(|red| if *red { Err(OpError::permanent("2 of 30 tests fail")) } else { Ok(()) })
    });
    let ci = Ci::start(state.path(), &world, || all(told));
    ci.done().await;
    let before = ci.handle.evaluation();
    inputs[at].set(true);
    assert_eq!(ci.failed().await, "2 of 30 tests fail");
    let after = ci.handle.evaluation();
    ci.stop().await;
    between(before, after)
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_how_many_are_told_together_or_where_it_stands() {
    let few = work_of_one(1, 3).await;
    assert!(few.steps == 1 && (3..=4).contains(&few.recomputed), "{few:?}");
    for at in [0, 5_000, 9_999] {
        assert_eq!(work_of_one(at, 10_000).await, few, "at {at}");
    }
}
