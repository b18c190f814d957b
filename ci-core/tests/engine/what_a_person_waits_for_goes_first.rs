use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::{Current, Level, Pool};

use crate::support::{Answer, Ci, World, head, make};

fn pipeline() -> Current<()> {
    all(["first", "second", "third"].map(|name| make(name, &head(name)).ignore()))
}

/// In a pool of one, with `first` running and `second` behind it.
async fn crowded(ci: &mut Ci, world: &World) {
    for name in ["first", "second", "third"] {
        world.answer(&format!("make {name}.1"), Answer::Hold);
    }
    world.set("first", 1);
    world.is_held("make first.1").await;
    world.set("second", 1);
    waits_for_a_slot(ci, "second.1").await;
}

async fn waits_for_a_slot(ci: &mut Ci, what: &str) {
    ci.job(what, |phase| matches!(phase, Phase::WaitingForSlot { .. })).await;
}

async fn third_goes_before_second(ci: &Ci, world: &World) {
    for name in ["first", "third", "second"] {
        let what = format!("make {name}.1");
        assert_eq!(world.something_is_held().await, what);
        world.let_go(&what);
    }
    ci.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_asked_for_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 1));
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.set("third", 1);
    let third = ci.ok("third.1").await;
    crowded(&mut ci, &world).await;
    ci.handle.rebuild(third, "ada").await.unwrap();
    waits_for_a_slot(&mut ci, "third.1").await;
    third_goes_before_second(&ci, &world).await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_approved() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 1));
    let mut ci = Ci::start(state.path(), &world, pipeline);
    crowded(&mut ci, &world).await;
    ci.handle.set_confirm(Some(Level::Average));
    world.set("third", 1);
    let third = ci.waits("third.1").await;
    ci.handle.approve(third, "ada").await.unwrap();
    waits_for_a_slot(&mut ci, "third.1").await;
    third_goes_before_second(&ci, &world).await;
    ci.stop().await;
}
