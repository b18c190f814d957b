//! How a state looks: a word, a symbol and a class, so that no colour is needed to read it.

use ci_core::FailureKind;
use ci_core::current::Activity;
use ci_core::engine::{NodeState, NodeView};

/// In order of how much a person wants to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    Ok,
    Skipped,
    Superseded,
    Waiting,
    Blocked,
    Queued,
    Running,
    Retrying,
    Confirmation,
    Stale,
    Cancelled,
    Failed,
}

impl Look {
    pub(super) fn of(node: &NodeView) -> Self {
        match &node.state {
            NodeState::Ok if node.stale.is_some() => Self::Stale,
            NodeState::Ok => Self::Ok,
            NodeState::Active { activity: Activity::Queued } => Self::Queued,
            NodeState::Active { activity: Activity::Running } => Self::Running,
            NodeState::Active { activity: Activity::WaitingForConfirmation } => Self::Confirmation,
            NodeState::Active { activity: Activity::Retrying } => Self::Retrying,
            NodeState::Failed { failure } => match failure.kind {
                FailureKind::Skipped => Self::Skipped,
                FailureKind::Superseded => Self::Superseded,
                FailureKind::Cancelled => Self::Cancelled,
                FailureKind::Transient | FailureKind::Infrastructure | FailureKind::Permanent => Self::Failed,
            },
            // Downstream of what does not apply, nothing applies.
            NodeState::Blocked { failure, .. } if failure.kind == FailureKind::Skipped => Self::Skipped,
            NodeState::Blocked { .. } => Self::Blocked,
            NodeState::Waiting { .. } => Self::Waiting,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Superseded => "superseded",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Confirmation => "waiting for confirmation",
            Self::Stale => "ok, but not fresh",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Skipped | Self::Superseded => "–",
            Self::Waiting => "·",
            Self::Blocked => "⊘",
            Self::Queued => "…",
            // The second character says: as text, not as a picture.
            Self::Running => "▶\u{fe0e}",
            Self::Retrying => "↻",
            Self::Confirmation => "?",
            Self::Stale => "!",
            Self::Cancelled => "■",
            Self::Failed => "✗",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped | Self::Superseded => "skipped",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Confirmation => "confirmation",
            Self::Stale => "stale",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}
