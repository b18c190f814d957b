use ci_core::current::all;
use ci_core::{Current, FailureKind};

use crate::support::{Answer, Ci, World, brisk, head, make, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_is_stopped() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("make image.1").await;
    world.set("main", 2);
    let job = ci.fails("image.1", FailureKind::Superseded).await;
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.2>"]);
    assert!(ci.handle.store().job(&job).unwrap().outcome.is_some(), "it is on the record");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_does_not_listen_is_dropped_and_what_it_left_is_removed() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::HoldDeaf);
    let pace = ci_core::Pace { cancel_grace: std::time::Duration::ZERO, ..brisk() };
    let mut ci = Ci::with(state.path(), &world, |engine| engine.paced(pace), pipeline);
    world.is_held("make image.1").await;
    world.set("main", 2);
    ci.fails("image.1", FailureKind::Superseded).await;
    ci.done().await;
    let mut trace = world.trace();
    trace.sort();
    assert_eq!(trace, ["abandon image.1", "make image.1", "make image.2", "put <image.2> in site"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_runs_to_its_end() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("put <image.1> in site").await;
    world.lose("main", FailureKind::Permanent, "gone");
    assert_eq!(ci.failed().await, "gone");
    world.let_go("put <image.1> in site");
    ci.ok("site := <image.1>").await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    assert_eq!(ci.handle.store().open_intents(), []);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_again_what_was_told_to_stop_gets_it_anew() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::HoldDeaf);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("make image.1").await;
    world.set("main", 2);
    ci.ok("site := <image.2>").await;
    world.set("main", 1);
    ci.event(|event| matches!(event, ci_core::event::What::Read { value, .. } if value == "1").then_some(()))
        .await;
    ci.until(|status| status.outcome.is_err()).await;
    world.let_go("make image.1");
    ci.ok("site := <image.1>").await;
    ci.done().await;
    assert_eq!(world.trace().iter().filter(|did| *did == "make image.1").count(), 2);
    assert_eq!(world.history("site"), ["<image.2>", "<image.1>"]);
    let attempts: Vec<_> = ci.handle.store().jobs(&Default::default(), 10);
    assert!(attempts.iter().all(|job| job.intent.attempt == 1), "to be stopped is no failed try");
    ci.stop().await;
}
