//! Of edges that say the same the longest way is drawn, but for what only tells how something stands.

use ci_core::engine::NodeKind;

use crate::support::{Pipeline, edges};

#[test]
fn an_edge_that_a_longer_way_implies_is_not_drawn() {
    let mut it = Pipeline::default();
    let a = it.op("a", &[]);
    let b = it.op("b", &[a]);
    it.op("c", &[a, b]);
    assert_eq!(edges(&it.picture()), ["a -> b", "b -> c"]);
}

/// The commit and its build, a node that tells how the build stands, and a report of that on the commit.
fn reported(is_hidden: bool) -> Pipeline {
    let mut it = Pipeline::default();
    let commit = it.head("commit");
    let build = it.op("build", &[commit]);
    let state = it.add(NodeKind::State, "state", &[build]);
    it.snapshot.nodes[state].hidden = is_hidden;
    it.op("report", &[commit, state]);
    it
}

#[test]
fn a_report_keeps_its_edge_from_the_commit_that_it_is_on() {
    assert_eq!(
        edges(&reported(false).picture()),
        ["build -> state", "commit -> build", "commit -> report", "state -> report"]
    );
}

#[test]
fn a_hidden_state_is_passed_and_the_edge_comes_from_what_it_tells_of() {
    assert_eq!(edges(&reported(true).picture()), ["build -> report", "commit -> build", "commit -> report"]);
}
