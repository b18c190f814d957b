//! States, told by a colour, a symbol and a word: each is enough.

use ci_core::current::Activity;
use ci_core::engine::NodeState;
use ci_core::event::Phase;
use ci_core::store::JobRecord;
use ci_core::{FailureKind, LiveJob};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Ok,
    Failed,
    /// Something before it failed.
    Blocked,
    /// Something before it has no value yet.
    Pending,
    Queued,
    Running,
    /// A person must approve it.
    Waiting,
    Retrying,
    Cancelled,
    /// A newer value took its place, or it does not apply.
    Passed,
    /// Begun, and cut by a restart; or it never ran.
    Open,
}

impl Mark {
    /// Its class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "confirmation",
            Self::Retrying => "retrying",
            Self::Cancelled => "cancelled",
            Self::Passed => "passed",
            Self::Open => "open",
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Failed => "✗",
            Self::Blocked => "⊘",
            Self::Pending => "·",
            Self::Queued => "…",
            Self::Running => "▶\u{fe0e}",
            Self::Waiting => "?",
            Self::Retrying => "↻",
            Self::Cancelled => "■",
            Self::Passed => "–",
            Self::Open => "~",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Pending => "waiting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waits for you",
            Self::Retrying => "tried again soon",
            Self::Cancelled => "cancelled",
            Self::Passed => "superseded",
            Self::Open => "cut short",
        }
    }

    pub(crate) fn of_node(state: &NodeState) -> Self {
        match state {
            NodeState::Ok => Self::Ok,
            NodeState::Active { activity } => match activity {
                Activity::Queued => Self::Queued,
                Activity::Running => Self::Running,
                Activity::WaitingForConfirmation => Self::Waiting,
                Activity::Retrying => Self::Retrying,
            },
            NodeState::Failed { failure } => Self::of_failure(failure.kind),
            NodeState::Blocked { .. } => Self::Blocked,
            NodeState::Waiting { .. } => Self::Pending,
        }
    }

    fn of_failure(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Cancelled => Self::Cancelled,
            FailureKind::Superseded | FailureKind::Skipped => Self::Passed,
            FailureKind::Transient | FailureKind::Infrastructure | FailureKind::Permanent => Self::Failed,
        }
    }

    pub(crate) fn of_live(job: &LiveJob) -> Self {
        match job.phase {
            Phase::Queued | Phase::WaitingForSlot { .. } => Self::Queued,
            Phase::WaitingForConfirmation => Self::Waiting,
            Phase::Running | Phase::Resumed => Self::Running,
            Phase::Succeeded { .. } => Self::Ok,
            Phase::Failed { retry_at_ms: Some(_), .. } => Self::Retrying,
            Phase::Failed { retry_at_ms: None, .. } => Self::Failed,
        }
    }

    /// Of a job that is not under way.
    pub(crate) fn of_record(job: &JobRecord) -> Self {
        match job.outcome.as_ref().map(|outcome| &outcome.result) {
            None => Self::Open,
            Some(Ok(_)) => Self::Ok,
            Some(Err(failure)) => Self::of_failure(failure.kind),
        }
    }
}
