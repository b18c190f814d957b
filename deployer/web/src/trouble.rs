//! What is wrong: the steps that failed themselves, that are tried again, whose value is not fresh, or
//! whose place somebody changed.
//!
//! What is merely behind one of them is not listed: its place on the overview says so.

use std::cmp::Reverse;

use ci_core::LiveJob;
use ci_core::current::Activity;
use ci_core::engine::{NodeState, NodeView, Snapshot};
use ci_core::event::Phase;
use ci_core::{Failure, FailureKind};

use crate::facts;
use crate::mark::Mark;
use crate::moment::Moment;

/// How many are listed.
const LISTED_MAX: usize = 20;

/// See the module.
pub(crate) struct Trouble {
    pub(crate) mark: Mark,
    pub(crate) what: String,
    /// Where its value comes from in the end.
    pub(crate) source: Option<String>,
    pub(crate) says: String,
    pub(crate) hint: Option<String>,
    pub(crate) job: Option<String>,
    /// When it is tried again, if that is known.
    pub(crate) again: Option<Moment>,
    /// There is a value, an old one.
    pub(crate) is_stale: bool,
}

/// The worst of them, and how many more there are.
pub(crate) fn of(snapshot: &Snapshot, live: &[LiveJob]) -> (Vec<Trouble>, usize) {
    let mut all: Vec<_> = snapshot.nodes.iter().flat_map(|node| troubles(node, snapshot, live)).collect();
    // Old values last: one server that is down makes many. Of equal ones, what comes first in the pipeline.
    all.sort_by_key(|trouble| (trouble.is_stale, Reverse(trouble.mark)));
    let more = all.len().saturating_sub(LISTED_MAX);
    all.truncate(LISTED_MAX);
    (all, more)
}

/// With the step, and with its place: whatever the step itself does now, that may not be as it was left.
fn troubles(node: &NodeView, snapshot: &Snapshot, live: &[LiveJob]) -> impl Iterator<Item = Trouble> {
    let of = |mark, says: &str, hint: Option<&String>| Trouble {
        mark,
        what: facts::with_short_digests(node.title()),
        source: facts::source(snapshot, node.id).map(|source| source.label.clone()),
        says: says.to_owned(),
        hint: hint.cloned(),
        job: node.job.as_ref().map(ToString::to_string),
        again: None,
        is_stale: false,
    };
    let place = node.drift.as_ref().map(|drift| of(Mark::Doubtful, &drift.message, drift.hint.as_ref()));
    let step = match &node.state {
        // It was somebody's wish, or does not apply.
        NodeState::Failed {
            failure: Failure { kind: FailureKind::Skipped | FailureKind::Superseded, .. },
        } => None,
        NodeState::Failed { failure } => {
            Some(of(Mark::of_node(node), &failure.message, failure.hint.as_ref()))
        }
        NodeState::Active { activity: Activity::Retrying } => {
            let job = live.iter().find(|job| Some(&job.id) == node.job.as_ref());
            Some(match job.map(|job| &job.phase) {
                Some(Phase::Failed { failure, retry_at_ms }) => Trouble {
                    again: retry_at_ms.map(Moment::now),
                    ..of(Mark::Retrying, &failure.message, failure.hint.as_ref())
                },
                _ => of(Mark::Retrying, "it failed", None),
            })
        }
        NodeState::Active { .. } => {
            let job = live.iter().find(|job| Some(&job.id) == node.job.as_ref());
            let tried = job.and_then(|job| job.tried.as_ref());
            tried.map(|tried| of(Mark::of_node(node), &tried.message, tried.hint.as_ref()))
        }
        _ => {
            let stale = node.stale.as_ref();
            stale.map(|why| Trouble { is_stale: true, ..of(Mark::Doubtful, why, None) })
        }
    };
    step.into_iter().chain(place)
}

#[cfg(test)]
mod tests {
    use ci_core::OpError;
    use ci_core::engine::NodeKind;

    use super::*;

    fn node(id: usize, kind: NodeKind, state: NodeState, stale: Option<&str>) -> NodeView {
        let stale = stale.map(str::to_owned);
        NodeView { state, stale, ..NodeView::new(id, kind, format!("node {id}"), []) }
    }

    #[test]
    fn many_old_heads_hide_no_failure() {
        let heads = 5 * LISTED_MAX;
        let mut nodes: Vec<_> = (0..heads)
            .map(|id| node(id, NodeKind::Monitor, NodeState::Ok, Some("the server is down")))
            .collect();
        let failure = Failure::from(&OpError::permanent("no such file"));
        let retrying = NodeState::Active { activity: Activity::Retrying };
        nodes.push(node(heads, NodeKind::Operation, retrying, None));
        nodes.push(node(heads + 1, NodeKind::Operation, NodeState::Failed { failure }, None));
        let (listed, more) = of(&Snapshot { step: 1, nodes, groups: Vec::new() }, &[]);
        let listed: Vec<_> = listed.iter().map(|trouble| (trouble.mark, trouble.what.clone())).collect();
        assert_eq!(listed.len(), LISTED_MAX);
        assert_eq!(more, heads + 2 - LISTED_MAX);
        assert_eq!(listed[0], (Mark::Failed, format!("node {}", heads + 1)));
        assert_eq!(listed[1], (Mark::Retrying, format!("node {heads}")));
        assert_eq!(listed[2], (Mark::Doubtful, "node 0".to_owned()));
        assert_eq!(listed[3], (Mark::Doubtful, "node 1".to_owned()));
    }

    #[test]
    fn a_place_that_somebody_changed_hides_no_failure() {
        let failure = |message: &str| Failure::from(&OpError::permanent(message));
        let state = NodeState::Failed { failure: failure("it did not stay up") };
        let drift = Some(failure("it is gone"));
        let nodes = vec![NodeView { drift, ..node(0, NodeKind::Operation, state, None) }];
        let (listed, more) = of(&Snapshot { step: 1, nodes, groups: Vec::new() }, &[]);
        let listed: Vec<_> = listed.iter().map(|trouble| (trouble.mark, trouble.says.as_str())).collect();
        assert_eq!(listed, [(Mark::Failed, "it did not stay up"), (Mark::Doubtful, "it is gone")]);
        assert_eq!(more, 0);
    }
}
