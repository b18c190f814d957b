//! It may be gone since it was made. Who has it already goes on meanwhile.

use ci_core::Current;
use ci_core::current::{all, constant, input};

use crate::support::{Answer, Ci, World, head, make, put};

/// The image goes to the left; and to the right, too, if somebody comes who wants that.
fn pipeline(comes: &Current<bool>) -> Current<()> {
    let right = comes.bind("right", |comes| match comes {
        true => put("right", &make("image", &head("main"))).ignore(),
        false => constant(()),
    });
    all([put("left", &make("image", &head("main"))).ignore(), right])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_stand_any_more_is_made_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let (set, comes) = input("comes", false);
    let mut ci = Ci::start(state.path(), &world, || pipeline(&comes));
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1", "put <image.1> in left"]);
    world.prune("image.1");
    set.set(true);
    ci.ok("right := <image.1>").await;
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1", "put <image.1> in right"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_used_and_meanwhile_by_those_who_have_it() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let (set, comes) = input("comes", false);
    let mut ci = Ci::start(state.path(), &world, || pipeline(&comes));
    ci.done().await;
    world.trace();
    world.answer("ask for image.1", Answer::Hold);
    set.set(true);
    world.is_held("ask for image.1").await;
    let snapshot = ci.handle.snapshot().await;
    let states = |label: &str| {
        let mut states: Vec<_> =
            snapshot.nodes.iter().filter(|n| n.label == label).map(|n| n.state.to_string()).collect();
        states.sort();
        states
    };
    assert_eq!(states("make image"), ["ok", "queued"]);
    assert_eq!(
        (states("put in left"), states("put in right")),
        (vec!["ok".to_owned()], vec!["waiting: upstream is queued".to_owned()])
    );
    world.let_go("ask for image.1");
    ci.ok("right := <image.1>").await;
    ci.done().await;
    assert_eq!(world.trace(), ["put <image.1> in right"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_changes_hands_is_not_asked() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let (set, place) = input("place", "left");
    let mut ci = Ci::start(state.path(), &world, || {
        place.bind("place", |place| put(place, &make("image", &head("main"))).ignore())
    });
    ci.done().await;
    world.answer("ask for image.1", Answer::Hold);
    set.set("right");
    ci.ok("right := <image.1>").await;
    assert_eq!(world.held(), [""; 0]);
    ci.stop().await;
}
