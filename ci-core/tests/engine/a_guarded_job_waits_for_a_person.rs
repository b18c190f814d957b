use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::{Current, Level, Pool, Refused};

use crate::support::{Answer, Ci, World, head, make, name, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn until_it_is_approved() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    let job = ci.waits("site := <image.1>").await;
    assert_eq!(world.trace(), ["make image.1"], "what is less dangerous has run");
    assert_eq!(ci.node("put in site").await.state.to_string(), "waiting for confirmation");
    ci.handle.approve(job.clone(), "ada").await.unwrap();
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    assert_eq!(ci.handle.approve(job.clone(), "ada").await, Err(Refused::Over(job)));
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_survives_a_restart_but_is_none_for_another_value() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    let job = ci.waits("site := <image.1>").await;
    world.answer("put <image.1> in site", Answer::Hold);
    ci.handle.approve(job, "ada").await.unwrap();
    world.is_held("put <image.1> in site").await;
    ci.stop().await;
    // Nothing is found of it, so it is let in again: by the approval.
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    ci.ok("site := <image.1>").await;
    world.set("main", 2);
    ci.waits("site := <image.2>").await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_guard_is_lowered() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Average, pipeline);
    let job = ci.waits("image.1").await;
    ci.handle.set_confirm(Some(Level::Dangerous)).await;
    ci.ok("image.1").await;
    assert_eq!(ci.handle.approve(job.clone(), "ada").await, Err(Refused::Over(job)));
    ci.waits("site := <image.1>").await;
    ci.handle.set_confirm(None).await;
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_waits_makes_way_for_a_newer_one() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    let first = ci.waits("site := <image.1>").await;
    world.set("main", 2);
    let second = ci.waits("site := <image.2>").await;
    assert!(ci.handle.approve(first, "ada").await.is_err(), "too late");
    ci.handle.approve(second, "ada").await.unwrap();
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.2>"]);
    assert_eq!(
        ci.handle.store().jobs(&Default::default(), 10).len(),
        3,
        "what touched nothing left no record"
    );
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_if_the_newer_one_is_there_at_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let pipeline = || all([put("site", &name(&head("main"))).ignore()]);
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    ci.waits("site := 1").await;
    world.set("main", 2);
    let second = ci.waits("site := 2").await;
    ci.handle.approve(second, "ada").await.unwrap();
    ci.done().await;
    assert_eq!(world.history("site"), ["2"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_holds_no_slot_meanwhile() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let pool = Pool::new("builds", 1);
    world.make_in(pool.clone());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Average, pipeline);
    let job = ci.waits("image.1").await;
    let slot = pool.try_acquire().expect("it is free");
    ci.handle.approve(job, "ada").await.unwrap();
    ci.job("image.1", |phase| matches!(phase, Phase::WaitingForSlot { .. })).await;
    drop(slot);
    ci.ok("image.1").await;
    ci.stop().await;
}
