//! Up to a limit; without end while the machinery is down, since then nothing was tried.

use ci_core::current::all;
use ci_core::{ATTEMPTS_MAX, Current, FailureKind, OpError};

use crate::support::{Answer, Ci, World, head, make, name, never_again, put};

fn pipeline() -> Current<()> {
    all([make("image", &head("main")).ignore()])
}

async fn attempts(ci: &Ci) -> Vec<u32> {
    let jobs = ci.handle.store().jobs(&Default::default(), 100);
    assert!(jobs.iter().all(|job| job.outcome.is_some()));
    let mut attempts: Vec<u32> = jobs.into_iter().map(|job| job.intent.attempt).collect();
    attempts.sort();
    attempts
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_try_may_succeed() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    for _ in 1..ATTEMPTS_MAX {
        world.answer("make image.1", Answer::Fail(OpError::transient("try again")));
    }
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(attempts(&ci).await, [1, 2, 3, 4, 5]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_try_after_the_last_until_a_restart() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    for _ in 0..ATTEMPTS_MAX {
        world.answer("make image.1", Answer::Fail(OpError::transient("try again")));
    }
    let ci = Ci::start(state.path(), &world, pipeline);
    assert_eq!(ci.failed().await, "try again");
    assert_eq!(world.trace().len(), ATTEMPTS_MAX as usize);
    ci.stop().await;
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machinery_that_is_down_is_waited_for() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    for _ in 0..3 * ATTEMPTS_MAX {
        world.answer("make image.1", Answer::Fail(OpError::infrastructure("no engine")));
    }
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(attempts(&ci).await.len(), 3 * ATTEMPTS_MAX as usize + 1);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_failure_is_not_tried_again_and_says_so() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Fail(OpError::permanent("no such step").with_hint("add it")));
    let mut ci = Ci::start(state.path(), &world, pipeline);
    assert_eq!(ci.failed().await, "no such step (hint: add it)");
    assert_eq!(ci.story().last().unwrap(), "image.1: permanent");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_value_does_not_wait_for_the_older_ones_retry_and_counts_from_one() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("prepare 1 in site", Answer::Fail(OpError::transient("try again")));
    let mut ci = Ci::with(
        state.path(),
        &world,
        |engine| engine.paced(never_again()),
        || all([put("site", &name(&head("main"))).ignore()]),
    );
    ci.fails("site := 1", FailureKind::Transient).await;
    assert_eq!(ci.node("put in site").await.state.to_string(), "retrying");
    world.set("main", 2);
    ci.ok("site := 2").await;
    ci.done().await;
    assert_eq!(attempts(&ci).await, [1, 1]);
    ci.stop().await;
}
