use ci_core::OpError;
use ci_core::current::all;
use ci_core::event::Phase;

use crate::support::{Answer, Ci, World, head, make, put};

#[tokio::test(flavor = "multi_thread")]
async fn in_a_snapshot() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make bad.1", Answer::Fail(OpError::permanent("no such step")));
    world.answer("make slow.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, || {
        let main = head("main");
        let (bad, slow) = (make("bad", &main), make("slow", &main));
        all([put("a", &bad).ignore(), put("b", &slow).ignore()])
    });
    ci.failed().await;
    ci.job("slow.1", |phase| *phase == Phase::Running).await;
    let nodes = &ci.handle.snapshot().await.nodes;
    let by = |label: &str| nodes.iter().find(|node| node.label == label).unwrap();
    assert_eq!(by("main").state.to_string(), "ok");
    assert_eq!(by("make bad").state.to_string(), "failed: no such step");
    assert_eq!(by("put in a").state.to_string(), format!("blocked by {}: no such step", by("make bad").id));
    assert_eq!(by("put in a").inputs, [by("make bad").id]);
    assert!(by("make bad").job.is_some() && by("put in a").job.is_none());
    assert_eq!(by("make slow").state.to_string(), "running");
    assert_eq!(by("put in b").state.to_string(), "waiting: upstream is running");
    assert_eq!(by("all").state.to_string(), format!("blocked by {}: no such step", by("make bad").id));
    ci.stop().await;
}

/// Who looks at each step would else look for ever.
#[tokio::test(flavor = "multi_thread")]
async fn to_look_moves_nothing() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    ci.done().await;
    let step = ci.handle.snapshot().await.step;
    ci.handle.jobs(10).await;
    assert_eq!(ci.handle.snapshot().await.step, step);
    ci.stop().await;
}
