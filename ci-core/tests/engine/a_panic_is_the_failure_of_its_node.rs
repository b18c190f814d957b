use std::sync::atomic::{AtomicU32, Ordering};

use ci_core::current::{all, build_with, constant};
use ci_core::event::{Phase, What};
use ci_core::{Bind, Bindings, Builder, Current, Engine, Job, Level, OpError, OpId, Unbound};

use crate::support::{Answer, Ci, Make, Name, World, head, make, put};

/// Another part of the pipeline goes on, and the part that panicked works when it panics no more.
async fn fails_then_works(world: &World, pipeline: fn() -> Current<()>, says: &str) {
    let state = tempfile::tempdir().unwrap();
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), world, move || {
        all([put("other", &make("other", &head("main"))).ignore(), pipeline()])
    });
    let why = ci.failed().await;
    assert!(why.contains(says), "{why}");
    world.set("main", 2);
    ci.ok("other := <other.2>").await;
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_map() {
    let pipeline = || head("main").map(|n| assert!(*n != 1, "one is odd"));
    fails_then_works(&World::default(), pipeline, "one is odd").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_key() {
    let pipeline = || {
        build_with(&head("main"), "", "make", |_: &Make, n: &u32| {
            assert!(*n != 1, "no key for one");
            Name(n.to_string())
        })
        .ignore()
    };
    fails_then_works(&World::default(), pipeline, "no key for one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_builder() {
    let world = World::default();
    world.answer("make image.1", Answer::Panic);
    fails_then_works(&world, || make("image", &head("main")).ignore(), "make image.1 panics").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_publisher() {
    let world = World::default();
    world.answer("put <image.1> in site", Answer::Panic);
    fails_then_works(&world, || put("site", &make("image", &head("main"))).ignore(), "in site panics").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_read_and_in_a_watch() {
    for what in ["read side", "watch side"] {
        let (state, world) = (tempfile::tempdir().unwrap(), World::default());
        world.set("side", 1);
        world.answer(what, Answer::Panic);
        let mut ci = Ci::start(state.path(), &world, || all([make("image", &head("side")).ignore()]));
        ci.done().await;
        assert_eq!(ci.story()[0], format!("side: {} side panicked", what.replace(" side", "ing")));
        ci.stop().await;
    }
}

/// Its level is known when the job asks, and panics when a person does.
struct Moody(AtomicU32);

impl Bind for Moody {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self(AtomicU32::new(0)))
    }
}

impl Builder for Moody {
    const ID: OpId = OpId::new("moody");
    const DOES: &'static str = "sulk";
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = ();

    fn level(&self, _: &Name) -> Level {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "asked again");
        Level::Dangerous
    }

    async fn build(&self, _: &Job, _: &Name) -> Result<(), OpError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_level_that_somebody_asks_for() {
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::open(state.path()).unwrap().confirm(Some(Level::Dangerous));
    let mut events = engine.events();
    let moody = || build_with(&constant(()), "", "moody", |_: &Moody, ()| Name("x".to_owned()));
    let engine = engine.start(moody).unwrap();
    let job = loop {
        let event = events.recv().await.unwrap();
        if let What::Job { job, phase: Phase::WaitingForConfirmation, .. } = event.what {
            break job;
        }
    };
    let told = engine.under_way(job.clone()).await.expect("it waits");
    assert_eq!(told.level, Level::Dangerous, "the worst, since nobody knows");
    engine.approve(job, "me").await.unwrap();
    engine.status().wait_for(|status| status.outcome.is_ok()).await.unwrap();
    engine.stop().await;
}
