use ci_core::Current;
use ci_core::current::all;
use ci_core::event::What;

use crate::support::{Answer, Ci, World, head, make, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_b_c_publishes_a_and_c() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("put <image.1> in site").await;
    for head in [2, 3, 4] {
        world.set("main", head);
        ci.ok(&format!("image.{head}")).await;
    }
    assert_eq!(world.history("site"), [""; 0], "one at a time");
    world.let_go("put <image.1> in site");
    ci.ok("site := <image.4>").await;
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>", "<image.4>"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_b_a_publishes_a_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("put <image.1> in site").await;
    world.set("main", 2);
    ci.ok("image.2").await;
    world.set("main", 1);
    ci.event(|event| matches!(event, What::Reused { summary, .. } if summary == "image.1").then_some(()))
        .await;
    world.let_go("put <image.1> in site");
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_did_is_done_whoever_cancelled_it() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let job = ci.job("site := <image.1>", |phase| *phase == ci_core::event::Phase::Running).await;
    world.is_held("put <image.1> in site").await;
    ci.handle.cancel(job, "a test").await.unwrap();
    world.let_go("put <image.1> in site");
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}
