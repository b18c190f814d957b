use std::collections::BTreeMap;

use ci_core::current::all;
use ci_core::event::{Phase, What};
use ci_core::pool::Ask;
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
    ci.handle.set_confirm(Some(Level::Dangerous));
    ci.ok("image.1").await;
    assert_eq!(ci.handle.approve(job.clone(), "ada").await, Err(Refused::Over(job.clone())));
    let log = std::fs::read_to_string(ci.handle.store().log_path(&job)).unwrap();
    assert!(log.contains("Jobs wait for confirmation from dangerous on now"), "{log}");
    let job = ci.waits("site := <image.1>").await;
    ci.handle.set_confirm(None);
    ci.done().await;
    let log = std::fs::read_to_string(ci.handle.store().log_path(&job)).unwrap();
    assert!(log.contains("Nothing waits for confirmation now"), "{log}");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_an_approval_is_for_one_run_however_often_it_is_given() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let pipeline = || all(["a", "b"].map(|place| put(place, &name(&head("main"))).ignore()));
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    let mut waiting = BTreeMap::new();
    while waiting.len() < 2 {
        let waits = |event: &What| match event {
            What::Job { job, summary, phase: Phase::WaitingForConfirmation, .. } => {
                Some((summary.clone(), job.clone()))
            }
            _ => None,
        };
        waiting.extend([ci.event(waits).await]);
    }
    let job = &waiting["a := 1"];
    let (first, second) = tokio::join!(ci.handle.approve(job.clone(), "ada"), async {
        ci.handle.approve(job.clone(), "bob").await
    });
    assert_eq!(first, Ok(()));
    let is_told = [Ok(()), Err(Refused::NotWaiting(job.clone())), Err(Refused::Over(job.clone()))];
    assert!(is_told.contains(&second), "{second:?}");
    ci.ok("a := 1").await;
    assert_eq!(ci.node("put in b").await.state.to_string(), "waiting for confirmation");
    ci.handle.rebuild(job.clone(), "ada").await.unwrap();
    let again = ci.waits("a := 1").await;
    assert_ne!(again, *job, "the second approval was not kept for the next run");
    assert_eq!((world.history("a"), world.history("b")), (vec!["1".to_owned()], vec![]));
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
    let slot = pool.take_over(&Ask::default());
    ci.handle.approve(job, "ada").await.unwrap();
    ci.job("image.1", |phase| matches!(phase, Phase::WaitingForSlot { .. })).await;
    drop(slot);
    ci.ok("image.1").await;
    ci.stop().await;
}
