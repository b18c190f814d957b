//! States, told by a colour, a symbol and a word: each is enough.

use ci_core::LiveJob;
use ci_core::engine::{NodeView, StageView};
use ci_core::event::Phase;
use ci_core::picture::Standing;
use ci_core::store::JobRecord;

/// How something stands, in order of how much a person wants to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Ok,
    /// It does not apply.
    Skipped,
    /// A newer value took its place.
    Superseded,
    /// Something before it has no value yet.
    Pending,
    /// Begun, and cut by a restart; or it never ran.
    Open,
    /// Something before it failed.
    Blocked,
    Queued,
    Running,
    Retrying,
    /// A person must approve it.
    Waiting,
    /// It has a value, which may not hold any more: not read or made lately, or changed by somebody since.
    Doubtful,
    Cancelled,
    Failed,
}

impl From<Standing> for Mark {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Ok => Self::Ok,
            Standing::Skipped => Self::Skipped,
            Standing::Superseded => Self::Superseded,
            Standing::Pending => Self::Pending,
            Standing::Blocked => Self::Blocked,
            Standing::Queued => Self::Queued,
            Standing::Running => Self::Running,
            Standing::Retrying => Self::Retrying,
            Standing::Confirmation => Self::Waiting,
            Standing::Doubtful => Self::Doubtful,
            Standing::Cancelled => Self::Cancelled,
            Standing::Failed => Self::Failed,
        }
    }
}

impl Mark {
    /// Its class in the style sheets.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped | Self::Superseded => "passed",
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Blocked => "blocked",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Waiting => "confirmation",
            Self::Doubtful => "doubtful",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Skipped | Self::Superseded => "–",
            Self::Pending => "·",
            Self::Open => "~",
            Self::Blocked => "⊘",
            Self::Queued => "…",
            // The second character says: as text, not as a picture.
            Self::Running => "▶\u{fe0e}",
            Self::Retrying => "↻",
            Self::Waiting => "?",
            Self::Doubtful => "!",
            Self::Cancelled => "■",
            Self::Failed => "✗",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Superseded => "superseded",
            Self::Pending => "waiting",
            Self::Open => "cut short",
            Self::Blocked => "blocked",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "tried again soon",
            Self::Waiting => "waits for you",
            Self::Doubtful => "in doubt",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn of_node(node: &NodeView) -> Self {
        Standing::of(node).into()
    }

    pub(crate) fn of_stage(stage: &StageView) -> Self {
        Standing::of_state(&stage.state, stage.drift.is_some()).into()
    }

    pub(crate) fn of_live(job: &LiveJob) -> Self {
        match job.phase {
            Phase::Queued | Phase::WaitingForSlot { .. } | Phase::WaitingForResource { .. } => Self::Queued,
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
            Some(Err(failure)) => Standing::of_failure(failure.kind).into(),
        }
    }
}
