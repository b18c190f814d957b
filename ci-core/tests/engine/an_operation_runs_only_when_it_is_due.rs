//! An operation runs when its key is new, and not again: not for an equal key, not after a restart.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ci_core::clock::Clock;
use ci_core::current::{all, build_with, constant};
use ci_core::store::JobFilter;
use ci_core::{Bind, Bindings, Builder, Current, Engine, Job, Level, OpError, OpId, Unbound};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::support::{Answer, Ci, Make, Name, World, head, make, put};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_answers_which_job_does_it_and_each_has_the_next_number() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let first = ci.ok("image.1").await;
    world.set("main", 2);
    let other = ci.ok("image.2").await;
    let unwanted = ci.handle.rebuild(first.clone(), "a test").await.unwrap();
    assert_eq!(unwanted, None, "nobody wants it now");
    let second = ci.handle.rebuild(other.clone(), "a test").await.unwrap().unwrap();
    assert_eq!(ci.ok("image.2").await, second);
    let third = ci.handle.discard(second.clone(), "a test").await.unwrap().unwrap();
    assert_eq!(ci.ok("image.2").await, third);
    world.set("main", 1);
    let again = ci.ok("image.1").await;
    let store = ci.handle.store();
    let built = |job| {
        let key = store.job(job).unwrap().intent.key;
        let of_key = JobFilter { op: Some("make".to_owned()), key: Some(key), ..JobFilter::default() };
        let jobs = store.jobs(&of_key, 10).into_iter().map(|job| (job.intent.build, job.intent.job));
        jobs.collect::<Vec<_>>()
    };
    assert_eq!(built(&other), [(3, third), (2, second), (1, other.clone())]);
    assert_eq!(built(&first), [(2, again), (1, first.clone())]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_it_waited_and_ran_is_on_record_to_the_millisecond() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let now_ms = Arc::new(AtomicU64::new(1_000_000_000_000));
    let shown = now_ms.clone();
    let guarded = |engine: Engine| {
        let clock = Clock::new(move || shown.load(Ordering::Relaxed));
        engine.with(clock).confirm(Some(Level::Average))
    };
    let mut ci = Ci::with(state.path(), &world, guarded, || all([make("image", &head("main")).ignore()]));
    let job = ci.waits("image.1").await;
    now_ms.fetch_add(400, Ordering::Relaxed);
    ci.handle.approve(job.clone(), "ada").await.unwrap();
    world.is_held("make image.1").await;
    now_ms.fetch_add(700, Ordering::Relaxed);
    world.let_go("make image.1");
    ci.done().await;
    let job = ci.handle.store().job(&job).unwrap();
    let (waited, ran) = (job.waited().as_millis(), job.ran().map(|ran| ran.as_millis()));
    assert_eq!((waited, ran), (400, Some(700)));
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_it_is_no_part_of_the_question_and_who_asked_last_does_it() {
    let (state, world, other) = (tempfile::tempdir().unwrap(), World::default(), World::default());
    world.set("main", 1);
    let made_by = |on| build_with(&head("main"), on, "make", |_: &Make, n: &u32| Name(format!("image.{n}")));
    let both = |engine: Engine| engine.with_named("other", other.clone());
    let ci = Ci::with(state.path(), &world, both, move || {
        all([made_by(ci_core::DEFAULT).ignore(), made_by("other").ignore()])
    });
    ci.done().await;
    assert_eq!((world.trace(), other.trace()), (vec![], vec!["make image.1".to_owned()]));
    ci.stop().await;
    let mut ci = Ci::start(state.path(), &world, move || all([made_by(ci_core::DEFAULT).ignore()]));
    ci.done().await;
    assert_eq!(world.trace(), [""; 0]);
    let job = ci.handle.jobs(1).await.remove(0).id;
    ci.handle.rebuild(job, "a test").await.unwrap();
    ci.ok("image.1").await;
    assert_eq!((world.trace(), other.trace()), (vec!["make image.1".to_owned()], vec![]));
    ci.stop().await;
}

/// Keeps what it is asked for in one form or in another.
struct Keep<V>(PhantomData<fn() -> V>);

trait Form: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    fn of(key: &str) -> Self;
}

impl Form for Json {
    fn of(key: &str) -> Self {
        if key == "old" { "a text".into() } else { 1.into() }
    }
}

impl Form for u32 {
    fn of(_: &str) -> Self {
        2
    }
}

impl<V: Form> Bind for Keep<V> {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self(PhantomData))
    }
}

impl<V: Form> Builder for Keep<V> {
    const ID: OpId = OpId::new("keep");
    const AUTO_CANCEL: bool = true;
    type Key = String;
    type Value = V;

    fn level(&self, _: &String) -> Level {
        Level::Harmless
    }

    async fn build(&self, _: &Job, key: &String) -> Result<V, OpError> {
        Ok(V::of(key))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_can_not_be_read_is_made_again_and_no_other() {
    fn kept<V: Form>() -> Current<()> {
        let keep = |key: &'static str| {
            build_with(&constant(()), ci_core::DEFAULT, key, move |_: &Keep<V>, ()| key.to_owned()).ignore()
        };
        all([keep("old"), keep("good")])
    }
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let ci = Ci::start(state.path(), &world, kept::<Json>);
    ci.done().await;
    ci.stop().await;
    let mut ci = Ci::start(state.path(), &world, kept::<u32>);
    ci.done().await;
    let mut story = ci.story();
    story.sort();
    assert_eq!(story, ["good: reused", "old: ok", "old: queued", "old: runs"]);
    ci.stop().await;
}
