use std::time::Duration;

use ci_core::current::all;
use ci_core::{Current, FailureKind};

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

/// What it did counts, however long it took.
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_takes_too_long_is_looked_into() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    ci.done().await;
    ci.stop().await;
    world.time_out_after(Duration::from_millis(50));
    world.answer("put <image.1> in site", Answer::WorkThenHang);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.fails("site := <image.1>", FailureKind::Infrastructure).await;
    world.time_out_after(PATIENCE);
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}
