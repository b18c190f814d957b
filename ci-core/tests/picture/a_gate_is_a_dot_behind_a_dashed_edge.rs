//! What holds back is told apart from what is used; and where many meet many, they meet in a dot.

use ci_core::engine::NodeKind;
use ci_core::picture::Shape;

use crate::support::{Pipeline, boxes, edges};

#[test]
fn a_gate_is_an_empty_circle_and_what_it_waits_for_is_dashed() {
    let mut it = Pipeline::default();
    let (image, approval) = (it.op("build", &[]), it.head("approval"));
    let gate = it.gate(approval, image);
    it.op("push", &[gate]);
    let picture = it.picture();
    assert_eq!(edges(&picture), ["approval -.-> gate", "build -> gate", "gate -> push"]);
    let dot = picture.dot();
    assert!(dot.contains("shape=circle, label=\"\""), "{dot}");
    assert_eq!(dot.matches("[style=dashed]").count(), 1);
    assert_eq!(picture.mermaid().matches("-.->").count(), 1);
}

#[test]
fn a_chain_through_a_gate_is_a_chain() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let build = it.op("build", &[head]);
    let test = it.op("test", &[build]);
    let gate = it.gate(test, build);
    it.op("push", &[gate]);
    // That it also takes the build's image goes without saying.
    assert_eq!(edges(&it.picture()), ["build -> test", "gate -> push", "head -> build", "test -.-> gate"]);
}

#[test]
fn many_sources_meet_many_users_in_a_dot() {
    let mut it = Pipeline::default();
    let tests: Vec<_> = (0..4).map(|n| it.op(&format!("test {n}"), &[])).collect();
    let all = it.hidden("all", &tests);
    (0..3).for_each(|n| {
        it.op(&format!("push {n}"), &[all]);
    });
    let picture = it.picture();
    assert_eq!(picture.points.iter().filter(|point| point.shape == Shape::Join).count(), 1);
    assert_eq!(picture.edges.len(), 4 + 3);
}

/// Plumbing is passed over unless it is what failed.
#[test]
fn what_is_hidden_is_drawn_when_it_fails_itself() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let map = it.hidden("map", &[head]);
    let labelled = it.add(NodeKind::Combinator, "version", &[map]);
    it.snapshot.nodes[labelled].hidden = false;
    it.op("build", &[labelled]);
    assert_eq!(boxes(&it.picture()), ["head: ok", "version: ok", "build: ok"]);
    it.fail(map, "no Dockerfile");
    assert_eq!(edges(&it.picture()), ["head -> map", "map -> version", "version -> build"]);
}
