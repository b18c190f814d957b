//! A bind is a box before anybody knows what it will make; what it made comes from it, and what uses it uses that.

use ci_core::current::Activity;
use ci_core::engine::{GroupKind, NodeKind, NodeState};
use ci_core::picture::Standing;

use crate::support::{Pipeline, boxes, edges, failure};

#[test]
fn a_bind_whose_input_failed_is_a_grey_box() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let bind = it.add(NodeKind::Bind, "read config", &[head]);
    it.op("report", &[bind]);
    it.fail(head, "no such host");
    it.set(bind, NodeState::Blocked { by: Some(head), failure: failure("no such host") });
    let picture = it.picture();
    assert_eq!(edges(&picture), ["head -> read config", "read config -> report"]);
    assert_eq!(picture.boxes().nth(1).map(|boxed| boxed.standing), Some(Standing::Blocked));
}

/// Its value is that of what it made.
#[test]
fn what_it_made_stands_between_it_and_its_users() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let fetched = it.op("fetch", &[head]);
    let bind = it.add(NodeKind::Bind, "read config", &[fetched]);
    let pushed = it.grouped(bind, GroupKind::Body, "", |it| {
        let base = it.op("pull base", &[]);
        let build = it.op("build", &[fetched, base]);
        it.op("push", &[build])
    });
    let outcome = it.hidden("", &[bind, pushed]);
    it.op("report", &[outcome]);
    let picture = it.picture();
    assert_eq!(
        edges(&picture),
        [
            "build -> push",
            "fetch -> read config",
            "head -> fetch",
            "pull base -> build",
            "push -> report",
            "read config -> pull base",
        ]
    );
    assert_eq!(picture.clusters, [], "what it made has no frame");
    assert_eq!(boxes(&picture)[2], "read config: ok");
}

#[test]
fn a_node_in_two_contexts_has_edges_from_both() {
    let mut it = Pipeline::default();
    let (a, b) = (it.head("a"), it.head("b"));
    let c = it.op("c", &[]);
    it.snapshot.nodes[c].context = vec![a, b];
    it.is(a, Activity::Running);
    assert_eq!(edges(&it.picture()), ["a -> c", "b -> c"]);
}

/// Of contexts that say the same the nearer one is drawn.
#[test]
fn a_context_that_a_longer_way_implies_is_left_out() {
    let mut it = Pipeline::default();
    let a = it.head("a");
    let b = it.op("b", &[a]);
    let c = it.op("c", &[b]);
    it.snapshot.nodes[c].context = vec![a];
    assert_eq!(edges(&it.picture()), ["a -> b", "b -> c"]);
}
