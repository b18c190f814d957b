//! A snapshot says of each node what it is, and whether what it lacks is its own doing or another node's.

use crate::support::{Answer, Ci, World, head, make, put};
use ci_core::current::{Activity, all};
use ci_core::engine::{NodeKind, NodeState, NodeView};
use ci_core::event::Phase;
use ci_core::{Failure, FailureKind, OpError};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_says_how_each_node_stands() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("a", 1);
    world.set("b", 1);
    world.answer("make x.1", Answer::Fail(OpError::permanent("no x")));
    world.answer("make y.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, || {
        let (a, b) = (head("a"), head("b"));
        all([put("x", &make("x", &a)).ignore(), put("y", &make("y", &b)).ignore()])
    });
    assert_eq!(ci.failed().await, "no x");
    ci.job("y.1", |phase| *phase == Phase::Running).await;
    world.is_held("make y.1").await;

    let nodes = &ci.handle.snapshot().await.nodes;
    let node = |label: &str| -> &NodeView { nodes.iter().find(|node| node.label == label).unwrap() };
    let failure = Failure { kind: FailureKind::Permanent, message: "no x".to_owned(), hint: None };
    let stands = |label| (node(label).kind, node(label).state.clone());
    let (x, y) = (node("make x").id, node("make y").id);
    assert_eq!(stands("a"), (NodeKind::Monitor, NodeState::Ok));
    assert_eq!(stands("make x"), (NodeKind::Operation, NodeState::Failed { failure: failure.clone() }));
    assert_eq!(
        stands("put in x"),
        (NodeKind::Operation, NodeState::Blocked { by: Some(x), failure: failure.clone() })
    );
    assert_eq!(stands("all"), (NodeKind::Combinator, NodeState::Blocked { by: Some(x), failure }));
    let activity = Activity::Running;
    assert_eq!(stands("make y"), (NodeKind::Operation, NodeState::Active { activity }));
    assert_eq!(stands("put in y"), (NodeKind::Operation, NodeState::Waiting { on: Some(y), activity }));
    assert_eq!(node("put in x").state.to_string(), format!("blocked by {x}: no x"));
    world.let_go("make y.1");
    ci.handle.stop().await;
}
