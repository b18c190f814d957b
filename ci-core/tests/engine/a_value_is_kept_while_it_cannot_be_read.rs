use ci_core::current::all;
use ci_core::event::What;
use ci_core::{Current, FailureKind};

use crate::support::{Answer, Ci, World, head, make};

fn pipeline() -> Current<()> {
    all([make("image", &head("main")).ignore()])
}

async fn read_fails(ci: &mut Ci) {
    ci.event(|event| matches!(event, What::ReadFailed { .. }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flagged_stale_until_it_can() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(ci.node("main").await.stale, None);
    let step = ci.handle.status().borrow().step;
    world.lose("main", FailureKind::Transient, "the network is down");
    read_fails(&mut ci).await;
    ci.until(|status| status.step > step).await;
    let node = ci.node("main").await;
    assert_eq!((node.state.to_string().as_str(), node.stale.as_deref()), ("ok", Some("the network is down")));
    assert!(ci.handle.status().borrow().outcome.is_ok());
    world.set("main", 2);
    ci.ok("image.2").await;
    assert_eq!(ci.node("main").await.stale, None);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn but_not_when_it_is_gone() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    world.lose("main", FailureKind::Permanent, "no such branch");
    assert_eq!(ci.failed().await, "no such branch");
    let node = ci.node("main").await;
    assert_eq!((node.state.to_string().as_str(), node.stale), ("failed: no such branch", None));
    world.set("main", 1);
    ci.done().await;
    ci.stop().await;
    assert_eq!(world.trace(), ["make image.1"], "what was made before is used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_a_read_is_not_lost() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("read main", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("read main").await;
    world.set("main", 2);
    world.let_go("read main"); // it answers what it was when it was asked
    ci.ok("image.2").await;
    ci.done().await;
    ci.stop().await;
}
