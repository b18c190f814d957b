//! An operation runs when its key is new, and not again: not for an equal key, not after a restart.

use ci_core::current::all;
use ci_core::{Current, OpError};

use crate::support::{Answer, Ci, World, head, make, put};

fn pipeline() -> Current<()> {
    let image = make("image", &head("main"));
    all([put("site", &image).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_runs_what_depends_on_it_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1", "put <image.1> in site"]);
    world.set("main", 2);
    ci.until(|_| world.history("site").len() == 2).await;
    ci.done().await;
    assert_eq!(world.trace(), ["make image.2", "put <image.2> in site"]);
    ci.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_runs_nothing_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    ci.handle.stop().await;
    drop(ci);
    world.trace();
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(world.trace(), [""; 0]);
    ci.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_no_longer_stands_is_made_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    ci.handle.stop().await;
    drop(ci);
    world.trace();
    world.prune("image.1");
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1"]);
    ci.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_keys_share_one_job_and_a_diamond_runs_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, || {
        let main = head("main");
        let (a, b) = (make("image", &main), make("image", &main));
        all([put("left", &a).ignore(), put("right", &b).ignore()])
    });
    ci.done().await;
    let mut trace = world.trace();
    trace.sort();
    assert_eq!(trace, ["make image.1", "put <image.1> in left", "put <image.1> in right"]);
    ci.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_failure_stays_until_somebody_asks_for_a_rebuild() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Fail(OpError::permanent("no such step")));
    let ci = Ci::start(state.path(), &world, pipeline);
    assert_eq!(ci.failed().await, "no such step");
    ci.handle.stop().await;
    drop(ci);
    let ci = Ci::start(state.path(), &world, pipeline);
    assert_eq!(ci.failed().await, "no such step");
    assert_eq!(world.trace(), ["make image.1"], "it is not tried again by itself");
    let job = ci.handle.jobs(1).await.remove(0);
    ci.handle.rebuild(job.id, "a test").await.unwrap();
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1", "put <image.1> in site"]);
    ci.handle.stop().await;
}
