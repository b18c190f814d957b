//! For as long as it lasts, and not undone; the next value is published as ever.

use ci_core::current::all;
use ci_core::event::What;
use ci_core::{Current, Level, OpError};

use crate::support::{Answer, Ci, World, head, make, name, put};

fn pipeline() -> Current<()> {
    all([put("site", &name(&head("main"))).ignore()])
}

async fn drift(ci: &mut Ci) -> Option<String> {
    let told = |event: &What| match event {
        What::Drift { drift, .. } => Some(drift.as_ref().map(ToString::to_string)),
        _ => None,
    };
    ci.event(told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn told_while_it_lasts() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    world.meddle("site", Some("junk"));
    assert_eq!(drift(&mut ci).await.as_deref(), Some("site holds junk, not 1"));
    let node = ci.node("put in site").await;
    assert_eq!(
        (node.state.to_string().as_str(), node.drift.map(|drift| drift.message)),
        ("ok", Some("site holds junk, not 1".to_owned()))
    );
    let status = ci.handle.status().borrow().clone();
    assert!(status.outcome.is_ok(), "what follows from it still stands");
    assert_eq!(status.doubts, 1, "but not all is well");
    world.meddle("site", None);
    assert_eq!(drift(&mut ci).await, None);
    assert_eq!(ci.node("put in site").await.drift, None);
    assert_eq!(ci.handle.status().borrow().doubts, 0);
    ci.stop().await;
    assert_eq!(world.history("site"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_after_a_restart_and_forgotten_with_the_next_value() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    ci.stop().await;
    world.meddle("site", Some("junk"));
    let mut ci = Ci::start(state.path(), &world, pipeline);
    assert_eq!(drift(&mut ci).await.as_deref(), Some("site holds junk, not 1"));
    world.meddle("site", None);
    world.set("main", 2);
    ci.ok("site := 2").await;
    ci.done().await;
    assert_eq!(ci.node("put in site").await.drift, None);
    ci.stop().await;
    assert_eq!(world.history("site"), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_also_while_a_newer_value_fails_before_it_gets_there() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci =
        Ci::start(state.path(), &world, || all([put("site", &make("image", &head("main"))).ignore()]));
    ci.done().await;
    world.answer("make image.2", Answer::Fail(OpError::permanent("no such step")));
    world.set("main", 2);
    ci.failed().await;
    world.meddle("site", Some("junk"));
    assert_eq!(drift(&mut ci).await.as_deref(), Some("site holds junk, not <image.1>"));
    let node = ci.node("put in site").await;
    assert!(node.state.to_string().starts_with("blocked by"), "{}", node.state);
    assert_eq!(node.drift.map(|drift| drift.message).as_deref(), Some("site holds junk, not <image.1>"));
    world.meddle("site", None);
    world.set("main", 3);
    ci.done().await;
    assert_eq!(ci.node("put in site").await.drift, None);
    ci.stop().await;
    assert_eq!(world.history("site"), ["<image.1>", "<image.3>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_also_while_a_newer_value_waits_for_a_person() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    ci.handle.set_confirm(Some(Level::Dangerous));
    world.set("main", 2);
    let job = ci.waits("site := 2").await;
    world.meddle("site", Some("junk"));
    assert_eq!(drift(&mut ci).await.as_deref(), Some("site holds junk, not 1"));
    world.meddle("site", None);
    ci.handle.approve(job, "ada").await.unwrap();
    ci.ok("site := 2").await;
    assert_eq!(ci.node("put in site").await.drift, None);
    ci.stop().await;
    assert_eq!(world.history("site"), ["1", "2"]);
}
