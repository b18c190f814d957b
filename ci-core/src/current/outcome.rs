//! What a current is at one moment: a value, or the reason why there is none.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Failure, FailureKind};
use crate::incr::Id;

/// What is going on where there is no value yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Ready, and in a queue.
    Queued,
    /// Working.
    Running,
    /// A person has to approve it.
    WaitingForConfirmation,
    /// It failed in a way that may pass, and is tried again soon.
    Retrying,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::WaitingForConfirmation => "waiting for confirmation",
            Self::Retrying => "retrying",
        })
    }
}

/// Why there is no value, and which node says so. Another node with the same reason is only *blocked* by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The node that the reason comes from.
    pub origin: Id,
    /// What it says.
    pub what: Pending,
}

/// See [`Reason`].
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// Not yet.
    Active(Activity),
    /// Not before something changes.
    Failed(Arc<Failure>),
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active(activity) => activity.fmt(f),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
        }
    }
}

/// A current at one moment.
pub type Outcome<T> = Result<T, Reason>;

impl Reason {
    /// The node has no value yet, for no reason but its own.
    pub(crate) fn queued(origin: Id) -> Self {
        Self { origin, what: Pending::Active(Activity::Queued) }
    }

    /// Nothing applies.
    pub(crate) fn is_skipped(&self) -> bool {
        matches!(&self.what, Pending::Failed(failure) if failure.kind == FailureKind::Skipped)
    }

    /// Which of two reasons is told when both hold: a failure rather than an activity, the first rather than the
    /// second.
    pub(crate) fn first<'a>(a: &'a Self, b: &'a Self) -> &'a Self {
        match (&a.what, &b.what) {
            (Pending::Active(_), Pending::Failed(_)) => b,
            _ => a,
        }
    }
}
