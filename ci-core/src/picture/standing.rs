//! How something stands, in a colour, a symbol and a word: each is enough.

use std::fmt;

use serde::Serialize;

use crate::current::Activity;
use crate::engine::{NodeState, NodeView};
use crate::error::FailureKind;

/// How a node stands, in order of how much a person wants to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has its value.
    Ok,
    /// It does not apply.
    Skipped,
    /// A newer value took its place.
    Superseded,
    /// Something before it has no value yet.
    Pending,
    /// Something before it failed.
    Blocked,
    /// It is about to run.
    Queued,
    /// It runs.
    Running,
    /// It failed and is tried again.
    Retrying,
    /// A person must approve it.
    Confirmation,
    /// It has a value, which may not hold any more: not read or made lately, or changed by somebody since.
    Doubtful,
    /// It was stopped.
    Cancelled,
    /// It failed.
    Failed,
}

impl Standing {
    /// What has its value.
    pub const OK: &str = "#90ee90";
    /// What failed, or was stopped.
    pub const FAILED: &str = "#ff4500";
    /// What others hold back, or what does not apply.
    pub const BLOCKED: &str = "#d3d3d3";
    /// What is about to run.
    pub const QUEUED: &str = "#ffff00";
    /// What runs, now or again.
    pub const RUNNING: &str = "#ffa500";
    /// What waits for a person.
    pub const CONFIRMATION: &str = "#4975ff";
    /// What may not hold any more.
    pub const DOUBTFUL: &str = "#eee8aa";

    /// Of a node.
    pub fn of(node: &NodeView) -> Self {
        Self::of_state(&node.state, node.stale.is_some() || node.drift.is_some())
    }

    /// Of a state, which may be in doubt.
    pub fn of_state(state: &NodeState, is_doubtful: bool) -> Self {
        match state {
            NodeState::Ok if is_doubtful => Self::Doubtful,
            NodeState::Ok => Self::Ok,
            NodeState::Active { activity } => Self::of_activity(*activity),
            NodeState::Failed { failure } => Self::of_failure(failure.kind),
            // Downstream of what does not apply, nothing applies.
            NodeState::Blocked { failure, .. } if failure.kind == FailureKind::Skipped => Self::Skipped,
            NodeState::Blocked { .. } => Self::Blocked,
            NodeState::Waiting { .. } => Self::Pending,
        }
    }

    /// Of something that has no value yet.
    pub fn of_activity(activity: Activity) -> Self {
        match activity {
            Activity::Queued => Self::Queued,
            Activity::Running => Self::Running,
            Activity::WaitingForConfirmation => Self::Confirmation,
            Activity::Retrying => Self::Retrying,
        }
    }

    /// Of what ended in this way.
    pub fn of_failure(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Cancelled => Self::Cancelled,
            FailureKind::Superseded => Self::Superseded,
            FailureKind::Skipped => Self::Skipped,
            FailureKind::Transient | FailureKind::Infrastructure | FailureKind::Permanent => Self::Failed,
        }
    }

    /// `#rrggbb`; black text is legible on it.
    pub fn colour(self) -> &'static str {
        match self {
            Self::Ok => Self::OK,
            Self::Skipped | Self::Superseded | Self::Pending | Self::Blocked => Self::BLOCKED,
            Self::Queued => Self::QUEUED,
            Self::Running | Self::Retrying => Self::RUNNING,
            Self::Confirmation => Self::CONFIRMATION,
            Self::Doubtful => Self::DOUBTFUL,
            Self::Cancelled | Self::Failed => Self::FAILED,
        }
    }

    /// One character, or two where the second says: as text, not as an emoji.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Skipped | Self::Superseded => "–",
            Self::Pending => "·",
            Self::Blocked => "⊘",
            Self::Queued => "…",
            Self::Running => "▶\u{fe0e}",
            Self::Retrying => "↻",
            Self::Confirmation => "?",
            Self::Doubtful => "!",
            Self::Cancelled => "■",
            Self::Failed => "✗",
        }
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Superseded => "superseded",
            Self::Pending => "waiting",
            Self::Blocked => "blocked",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "tried again soon",
            Self::Confirmation => "waits for you",
            Self::Doubtful => "in doubt",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// What a label ends with when its box leads to a job.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Ok | Self::Doubtful => " ✔",
            Self::Queued | Self::Running | Self::Retrying | Self::Confirmation => " …",
            Self::Cancelled | Self::Failed => " ✗",
            Self::Skipped | Self::Superseded | Self::Pending | Self::Blocked => "",
        }
    }

    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Skipped,
        Self::Superseded,
        Self::Pending,
        Self::Blocked,
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Confirmation,
        Self::Doubtful,
        Self::Cancelled,
        Self::Failed,
    ];
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
