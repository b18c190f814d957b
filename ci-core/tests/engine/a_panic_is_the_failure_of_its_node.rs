use ci_core::Current;
use ci_core::current::{all, build_with};

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
