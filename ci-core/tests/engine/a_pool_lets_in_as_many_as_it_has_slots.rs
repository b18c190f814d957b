use ci_core::current::all;
use ci_core::event::{Phase, What};
use ci_core::{Current, Pool};

use crate::support::{Answer, Ci, World, head, make};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn pipeline() -> Current<()> {
    all(NAMES.map(|name| make(name, &head("main")).ignore()))
}

fn hold_all(world: &World) {
    world.set("main", 1);
    for name in NAMES {
        world.answer(&format!("make {name}.1"), Answer::Hold);
    }
}

async fn runs(ci: &mut Ci) {
    ci.event(|event| matches!(event, What::Job { phase: Phase::Running, .. }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goes_in_when_one_comes_out() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 2));
    hold_all(&world);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    for _ in 2..NAMES.len() {
        let wait = |event: &What| matches!(event, What::Job { phase: Phase::WaitingForSlot { .. }, .. });
        ci.event(|event| wait(event).then_some(())).await;
    }
    for _ in NAMES {
        let held = world.something_is_held().await;
        assert!(world.held().len() <= 2);
        world.let_go(&held);
    }
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_again_after_a_restart_waits_for_its_slot() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 5));
    hold_all(&world);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    for _ in NAMES {
        runs(&mut ci).await;
    }
    ci.stop().await;
    world.make_in(Pool::new("builds", 1));
    hold_all(&world);
    let ci = Ci::start(state.path(), &world, pipeline);
    for _ in NAMES {
        let held = world.something_is_held().await;
        assert!(world.held().len() <= 1);
        world.let_go(&held);
    }
    ci.done().await;
    ci.stop().await;
}
