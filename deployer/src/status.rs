//! How the pipeline stands, a line for each thing that is read or done: what `deployer status` prints.

use ci_core::current::Activity;
use ci_core::engine::{NodeKind, NodeState, Snapshot};
use ci_core::event::Phase;
use ci_core::store::Store;
use ci_core::{Failure, LiveJob, OpError};
use serde::{Deserialize, Serialize};

/// One thing that the pipeline reads or does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is: `head of live in /srv/site`, `update service site_web on local (…)`.
    pub what: String,
    /// How it stands, for people, with the reason and a hint where something is wrong.
    pub state: String,
    /// Whether it has what it wants, and what it has is fresh.
    pub is_fine: bool,
    /// Its newest job.
    pub job: Option<String>,
}

/// That nothing can be recorded now, and why; nothing when it can.
pub(crate) fn of_store(store: &Store) -> Option<Standing> {
    let failure = Failure::from(&OpError::from(store.trouble()?));
    let what = format!("state directory {}", store.dir().display());
    Some(Standing { what, state: format!("read-only: {failure}"), is_fine: false, job: None })
}

/// How each thing stands, inputs before what depends on them.
pub(crate) fn of(snapshot: &Snapshot, live: &[LiveJob]) -> Vec<Standing> {
    let name = |at: usize| {
        snapshot
            .nodes
            .get(at)
            .map_or_else(|| "what comes before it".to_owned(), |node| node.title().to_owned())
    };
    let before = |at: Option<usize>| at.map_or_else(|| "what comes before it".to_owned(), name);
    // What only combines says nothing of its own, unless it failed itself, or holds on to something old.
    let shown = snapshot.nodes.iter().filter(|node| {
        node.kind.is_work() || node.stale.is_some() || matches!(node.state, NodeState::Failed { .. })
    });
    shown
        .map(|node| {
            let failure =
                live.iter().find(|job| node.job.as_ref() == Some(&job.id)).and_then(|job| match &job.phase {
                    Phase::Failed { failure, .. } => Some(failure),
                    _ => job.tried.as_ref(),
                });
            let state = match (&node.state, &node.stale, failure) {
                (NodeState::Ok, None, _) if node.drift.is_none() => "ok".to_owned(),
                (NodeState::Ok, None, _) => String::new(),
                (NodeState::Ok, Some(stale), _) if node.kind == NodeKind::Operation => {
                    format!("could not be made again: {stale}")
                }
                (NodeState::Ok, Some(stale), _) => format!("not read lately: {stale}"),
                (NodeState::Active { activity }, _, Some(failure)) => format!("{activity}: {failure}"),
                (NodeState::Blocked { by, .. }, ..) => format!("blocked by {}", before(*by)),
                (NodeState::Waiting { on, activity }, ..) => format!("waits: {} is {activity}", before(*on)),
                (state, ..) => state.to_string(),
            };
            let state = match &node.drift {
                Some(drift) if state.is_empty() => drift.to_string(),
                Some(drift) => format!("{state}; and {drift}"),
                None => state,
            };
            let state = match node.refreshing {
                Some(Activity::WaitingForConfirmation) => format!("{state}; made again if you approve"),
                _ => state,
            };
            let is_fine = node.state == NodeState::Ok && node.stale.is_none() && node.drift.is_none();
            Standing { what: name(node.id), state, is_fine, job: node.job.as_ref().map(ToString::to_string) }
        })
        .collect()
}
