//! A value that is to be made again serves meanwhile, also over a restart, if it still stands; who waits for another goes
//! first.

use std::time::Duration;

use ci_core::clock::Clock;
use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::{Current, Engine, OpError, Pool};

use crate::support::{Answer, Ci, World, head, make, put};

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
const HOUR: Duration = Duration::from_secs(60 * 60);

fn hourly() -> Current<()> {
    let image = make("image", &head("main")).valid_for(HOUR);
    all([put("site", &image).ignore()])
}

/// It is so many years after a time long ago, and stays so.
fn after(years: u64) -> impl FnOnce(Engine) -> Engine {
    move |engine| engine.with(Clock::new(move || 1_000_000_000_000 + years * YEAR_MS))
}

/// What was made and put a year ago.
async fn made(state: &tempfile::TempDir, world: &World) {
    world.set("main", 1);
    let ci = Ci::with(state.path(), world, after(0), hourly);
    ci.done().await;
    ci.stop().await;
    assert_eq!(world.trace(), ["make image.1", "put <image.1> in site"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn also_while_what_a_crash_cut_is_looked_for() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    made(&state, &world).await;
    world.answer("make image.1", Answer::Hold);
    let ci = Ci::with(state.path(), &world, after(1), hourly);
    world.is_held("make image.1").await;
    ci.done().await;
    ci.stop().await;

    world.answer("look for image.1", Answer::Hold);
    let ci = Ci::with(state.path(), &world, after(1), hourly);
    world.is_held("look for image.1").await;
    ci.done().await;
    assert_eq!(ci.node("make image").await.state.to_string(), "ok");
    world.let_go("look for image.1");
    ci.until_fresh("make image").await;
    assert_eq!(world.trace(), ["make image.1", "look for image.1"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unless_it_does_not_stand_any_more() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    made(&state, &world).await;
    world.answer("make image.1", Answer::Hold);
    let ci = Ci::with(state.path(), &world, after(1), hourly);
    world.is_held("make image.1").await;
    ci.stop().await;

    world.prune("image.1");
    world.answer("look for image.1", Answer::Fail(OpError::permanent("nobody knows")));
    let ci = Ci::with(state.path(), &world, after(1), hourly);
    assert_eq!(ci.failed().await, "nobody knows");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_before_that_is_known_though_it_could_not_be_made_again() {
    let once = || all([put("site", &make("image", &head("main"))).ignore()]);
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    made(&state, &world).await;
    world.answer("make image.1", Answer::Hold);
    let ci = Ci::with(state.path(), &world, after(0), once);
    ci.done().await;
    let made = ci.handle.jobs(2).await.into_iter().find(|job| job.op == "make").unwrap();
    ci.handle.rebuild(made.id, "ada").await.unwrap();
    world.is_held("make image.1").await;
    ci.stop().await;

    world.answer("ask for image.1", Answer::Hold);
    world.answer("look for image.1", Answer::Fail(OpError::permanent("nobody knows")));
    let mut ci = Ci::with(state.path(), &world, after(0), once);
    ci.job("image.1", |phase| matches!(phase, Phase::Failed { .. })).await;
    assert_eq!(ci.node("make image").await.state.to_string(), "queued");
    world.let_go("ask for image.1");
    ci.done().await;
    assert_eq!(ci.node("make image").await.stale.as_deref(), Some("nobody knows"));
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_a_publishers_outcome_as_well() {
    let pipeline = || all([put("site", &make("image", &head("main"))).valid_for(HOUR).ignore()]);
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    made(&state, &world).await;
    world.answer("put <image.1> in site", Answer::WorkThenHang);
    let ci = Ci::with(state.path(), &world, after(1), pipeline);
    world.is_held("put <image.1> in site").await;
    ci.done().await;
    ci.stop().await;

    world.answer("look for <image.1> in site", Answer::Hold);
    let ci = Ci::with(state.path(), &world, after(1), pipeline);
    world.is_held("look for <image.1> in site").await;
    ci.done().await;
    world.let_go("look for <image.1> in site");
    ci.until_fresh("put in site").await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_renews_nothing_at_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    made(&state, &world).await;
    let long_ago = |engine: Engine| engine.with(Clock::new(|| 1_000_000_000_000 - YEAR_MS));
    let ci = Ci::with(state.path(), &world, long_ago, hourly);
    ci.done().await;
    ci.stop().await;
    assert_eq!(world.trace(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn and_who_waits_for_another_value_goes_first() {
    let pipeline = || {
        let of = |name| make(name, &head(name)).ignore();
        all([of("first"), make("image", &head("main")).valid_for(HOUR).ignore(), of("second")])
    };
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    made(&state, &world).await;
    world.make_in(Pool::new("builds", 1));
    for what in ["make first.1", "make image.1", "make second.1"] {
        world.answer(what, Answer::Hold);
    }
    world.set("first", 1);
    world.answer("ask for image.1", Answer::Hold);
    let mut ci = Ci::with(state.path(), &world, after(1), pipeline);
    world.is_held("make first.1").await;
    world.is_held("ask for image.1").await;
    world.let_go("ask for image.1");
    let waits = |phase: &Phase| matches!(phase, Phase::WaitingForSlot { .. });
    ci.job("image.1", waits).await;
    world.set("second", 1);
    ci.job("second.1", waits).await;
    for what in ["make first.1", "make second.1", "make image.1"] {
        assert_eq!(world.something_is_held().await, what);
        world.let_go(what);
    }
    ci.done().await;
    ci.stop().await;
}
