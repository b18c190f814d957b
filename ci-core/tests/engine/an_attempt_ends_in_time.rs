use std::time::Duration;

use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::{Current, FailureKind, OpError};

use crate::support::{Answer, Ci, PATIENCE, World, head, make, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_takes_too_long_is_dropped_and_what_it_left_removed() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::HoldDeaf);
    world.time_out_after(Duration::from_millis(1));
    let ci = Ci::start(state.path(), &world, pipeline);
    let why = ci.failed().await;
    assert!(why.starts_with("image.1 took longer than 1ms"), "{why}");
    assert_eq!(world.trace(), ["make image.1", "abandon image.1"]);
    ci.stop().await;
}

/// Whatever becomes of that: it is told, and the engine goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_removed_is_told_once_and_the_engine_lives() {
    for trouble in [Answer::Fail(OpError::transient("it clings")), Answer::Panic] {
        let (state, world) = (tempfile::tempdir().unwrap(), World::default());
        world.set("main", 1);
        world.answer("make image.1", Answer::HoldDeaf);
        world.answer("abandon image.1", trouble);
        world.time_out_after(Duration::from_millis(1));
        let ci = Ci::start(state.path(), &world, pipeline);
        let why = ci.failed().await;
        assert!(why.starts_with("image.1 took longer than 1ms"), "{why}");
        let job = ci.handle.jobs(1).await.remove(0).id;
        let log = std::fs::read_to_string(ci.handle.store().log_path(&job)).unwrap();
        assert_eq!(log.matches("What it left could not be removed: ").count(), 1, "{log}");
        assert_eq!(world.trace(), ["make image.1", "abandon image.1"]);
        world.time_out_after(PATIENCE);
        world.set("main", 2);
        ci.done().await;
        ci.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_cancelled_twice_was_cancelled_by_the_first() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::HoldDeaf);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let job = ci.job("image.1", |phase| *phase == Phase::Running).await;
    world.is_held("make image.1").await;
    ci.handle.cancel(job.clone(), "ann").await.unwrap();
    ci.handle.cancel(job.clone(), "bob").await.unwrap();
    world.let_go("make image.1");
    assert_eq!(ci.failed().await, "cancelled: by ann");
    let log = std::fs::read_to_string(ci.handle.store().log_path(&job)).unwrap();
    assert!(log.ends_with("  Failed (cancelled): cancelled: by ann\n") && !log.contains("bob"), "{log}");
    ci.stop().await;
}

/// What it did counts, however long it took.
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_takes_too_long_is_looked_into() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    ci.done().await;
    ci.stop().await;
    world.time_out_after(Duration::from_secs(2));
    world.answer("put <image.1> in site", Answer::WorkThenHang);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.fails("site := <image.1>", FailureKind::Infrastructure).await;
    world.time_out_after(PATIENCE);
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}
