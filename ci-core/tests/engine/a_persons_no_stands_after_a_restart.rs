use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::{Current, FailureKind, Level, OpError, Pool};

use crate::support::{Answer, Ci, World, head, make, never_again};

fn pipeline() -> Current<()> {
    all([make("image", &head("main")).ignore()])
}

fn two() -> Current<()> {
    all([make("first", &head("main")).ignore(), make("second", &head("main")).ignore()])
}

/// And nothing but a rebuild undoes it.
async fn stands(state: &std::path::Path, world: &World, ci: Ci) {
    let why = "cancelled: by a test";
    assert!(ci.failed().await.starts_with(why));
    ci.stop().await;
    world.trace();
    let mut ci = Ci::start(state, world, pipeline);
    assert!(ci.failed().await.starts_with(why));
    assert_eq!(world.trace(), [""; 0]);
    let job = ci.handle.jobs(10).await.into_iter().find(|job| job.summary == "image.1").unwrap();
    assert!(job.over);
    ci.handle.rebuild(job.id, "a test").await.unwrap();
    ci.ok("image.1").await;
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_job_that_runs() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let job = ci.job("image.1", |phase| *phase == Phase::Running).await;
    world.is_held("make image.1").await;
    ci.handle.cancel(job, "a test").await.unwrap();
    stands(state.path(), &world, ci).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_job_that_succeeds_all_the_same() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::WorkThenHang);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let job = ci.job("image.1", |phase| *phase == Phase::Running).await;
    world.is_held("make image.1").await;
    ci.handle.cancel(job, "a test").await.unwrap();
    world.let_go("make image.1");
    stands(state.path(), &world, ci).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_job_that_waits_for_confirmation() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Average, pipeline);
    let job = ci.waits("image.1").await;
    ci.handle.cancel(job, "a test").await.unwrap();
    stands(state.path(), &world, ci).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_job_that_waits_for_a_slot() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 1));
    world.set("main", 1);
    world.answer("make first.1", Answer::Hold);
    world.answer("make second.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, two);
    let wait = |phase: &Phase| matches!(phase, Phase::WaitingForSlot { pool } if pool == "builds");
    let (job, waiting) = ci
        .event(|event| match event {
            ci_core::event::What::Job { job, summary, phase, .. } if wait(phase) => {
                Some((job.clone(), summary.clone()))
            }
            _ => None,
        })
        .await;
    let running = if waiting == "first.1" { "second.1" } else { "first.1" };
    world.is_held(&format!("make {running}")).await;
    ci.handle.cancel(job, "a test").await.unwrap();
    ci.fails(&waiting, FailureKind::Cancelled).await;
    world.let_go(&format!("make {running}"));
    ci.ok(running).await;
    ci.stop().await;
    world.trace();
    let ci = Ci::start(state.path(), &world, two);
    assert!(ci.failed().await.starts_with("cancelled: by a test"));
    assert_eq!(world.trace(), [""; 0]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_job_that_is_to_be_tried_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Fail(OpError::transient("try again")));
    let mut ci = Ci::with(state.path(), &world, |engine| engine.paced(never_again()), pipeline);
    let job = ci.fails("image.1", FailureKind::Transient).await;
    ci.handle.cancel(job, "a test").await.unwrap();
    stands(state.path(), &world, ci).await;
}
