//! What a picture says of a node.

use std::collections::BTreeMap;

use super::Standing;
use crate::current::Activity;
use crate::engine::{NodeState, NodeView, Snapshot};

/// How a node stands, in a line.
pub(super) fn line(standing: Standing, refreshing: Option<Activity>) -> String {
    match refreshing {
        None => standing.word().to_owned(),
        Some(Activity::Running) => format!("{standing}, being renewed"),
        Some(activity) => format!("{standing}, renewal {}", Standing::of_activity(activity)),
    }
}

/// How a node stands, with the names of others and all that is known of why.
pub fn details(snapshot: &Snapshot, node: &NodeView) -> String {
    let origin = |at: &Option<usize>| {
        at.and_then(|at| snapshot.nodes.get(at)).map_or("another node", |node| node.label.as_str())
    };
    let state = match &node.state {
        NodeState::Blocked { by, failure } => format!("blocked by {}: {failure}", origin(by)),
        NodeState::Waiting { on, activity } => format!("waiting: {} is {activity}", origin(on)),
        state => state.to_string(),
    };
    let state = match (&node.would, &node.state) {
        (Some(would), NodeState::Waiting { .. } | NodeState::Active { .. }) => {
            format!("would {would}: {state}")
        }
        _ => state,
    };
    let state = match (&node.stale, &node.drift) {
        (Some(why), _) => format!("{state}, but not fresh: {why}"),
        (None, Some(drift)) => format!("{state}, but {drift}"),
        (None, None) => state,
    };
    match node.refreshing {
        Some(activity) => format!("{state}; its renewal is {activity}, and until then this is used"),
        None => state,
    }
}

/// How many stand how, worst first.
pub(super) fn counts(standings: impl Iterator<Item = Standing>) -> Vec<(Standing, usize)> {
    let mut counts = BTreeMap::new();
    standings.for_each(|standing| *counts.entry(standing).or_default() += 1);
    counts.into_iter().rev().collect()
}

/// The same in words: `1 failed, 3 ok`.
pub(super) fn counted(counts: &[(Standing, usize)]) -> String {
    let told: Vec<_> = counts.iter().map(|(standing, count)| format!("{count} {standing}")).collect();
    told.join(", ")
}
