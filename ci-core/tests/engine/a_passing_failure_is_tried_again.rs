//! Up to a limit; without end while the machinery is down, since then nothing was tried: that is one job, which waits.

use ci_core::current::all;
use std::time::Duration;

use ci_core::{ATTEMPTS_MAX, Current, Engine, FailureKind, OpError, Pace};

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
    assert_eq!(world.trace().len(), 3 * ATTEMPTS_MAX as usize + 1);
    assert_eq!(attempts(&ci).await, [1], "a weekend leaves one record, not one for each minute");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_machinery_makes_way_is_cancelled_and_survives_a_restart() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let site = || all([put("site", &name(&head("main"))).ignore()]);
    let patient = |engine: Engine| engine.paced(never_again());
    let down = || Answer::Fail(OpError::infrastructure("no engine"));
    world.set("main", 1);
    world.answer("prepare 1 in site", down());
    let mut ci = Ci::with(state.path(), &world, patient, site);
    ci.fails("site := 1", FailureKind::Infrastructure).await;
    assert_eq!(ci.node("put in site").await.state.to_string(), "retrying");
    world.set("main", 2);
    ci.ok("site := 2").await;
    world.answer("prepare 3 in site", down());
    world.set("main", 3);
    ci.fails("site := 3", FailureKind::Infrastructure).await;
    ci.stop().await;
    let mut ci = Ci::with(state.path(), &world, patient, site);
    ci.ok("site := 3").await;
    world.answer("prepare 4 in site", down());
    world.set("main", 4);
    let job = ci.fails("site := 4", FailureKind::Infrastructure).await;
    ci.handle.cancel(job, "tester").await.unwrap();
    ci.fails("site := 4", FailureKind::Cancelled).await;
    let jobs = ci.handle.store().jobs(&Default::default(), 100);
    assert!(jobs.iter().all(|job| job.outcome.is_some()), "{jobs:?}");
    assert_eq!(jobs.len(), 4);
    assert_eq!(world.history("site"), ["2", "3"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_the_world_changed_cuts_the_wait_short() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let moment = Duration::from_millis(1);
    let patient = |engine: Engine| engine.paced(Pace { retry_min: moment, ..never_again() });
    world.set("main", 1);
    // The second wait is longer than this test, if nobody hints.
    for _ in 0..30 {
        world.answer("prepare 1 in site", Answer::Fail(OpError::infrastructure("no engine")));
    }
    let mut ci =
        Ci::with(state.path(), &world, patient, || all([put("site", &name(&head("main"))).ignore()]));
    let hints = async {
        loop {
            world.meddle("elsewhere", Some("something"));
            tokio::time::sleep(moment).await;
        }
    };
    tokio::select! {
        _ = ci.ok("site := 1") => {}
        () = hints => {}
    }
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
