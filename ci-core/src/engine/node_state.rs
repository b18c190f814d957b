//! What a node of a snapshot is, and how it stands.

use std::fmt;

use serde::Serialize;

use crate::current::{Activity, Pending};
use crate::error::Failure;

/// What a node does, as far as a picture of the pipeline cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// It has no inputs, and a value that the program gives it.
    Constant,
    /// It makes a value of other nodes' values: `map`, `and`, `all`, the results of a list.
    Combinator,
    /// It passes on its second input while its first has a value.
    Gate,
    /// It tells how another node stands: what depends on it does not wait for that one.
    State,
    /// It chooses what comes after it by a value: what it made stands in groups of its own.
    Bind,
    /// It passes on its first input, and stands for all that this is made of until somebody opens it. Its other inputs
    /// are what people are to see before it.
    Collapse,
    /// It runs jobs.
    Operation,
    /// It reads a value of the outside world.
    Monitor,
}

impl NodeKind {
    /// Whether it does something: it is an operation or a monitor.
    pub fn is_work(self) -> bool {
        matches!(self, Self::Operation | Self::Monitor)
    }
}

/// How a node stands. As text it is `ok`, `queued`, `running`, `waiting for confirmation`, `retrying`, `failed: …`,
/// `blocked by N: …`, or `waiting: upstream is …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum NodeState {
    /// It has its value.
    Ok,
    /// It has none yet.
    Active {
        /// What is going on.
        activity: Activity,
    },
    /// It has none before something changes, and the reason is its own. That the failure's kind is
    /// [`Skipped`](crate::FailureKind::Skipped) means that it does not apply.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It has none because another node failed.
    Blocked {
        /// That node's place in [`Snapshot::nodes`](super::Snapshot::nodes).
        by: Option<usize>,
        /// Why that node failed.
        failure: Failure,
    },
    /// It has none yet because another node has none yet.
    Waiting {
        /// That node's place in [`Snapshot::nodes`](super::Snapshot::nodes).
        on: Option<usize>,
        /// What is going on there.
        activity: Activity,
    },
}

impl NodeState {
    /// From a reason whose origin is the node itself.
    pub(super) fn own(what: &Pending) -> Self {
        match what {
            Pending::Active(activity) => Self::Active { activity: *activity },
            Pending::Failed(failure) => Self::Failed { failure: (**failure).clone() },
        }
    }

    /// From a reason whose origin is another node.
    pub(super) fn of_another(origin: Option<usize>, what: &Pending) -> Self {
        match what {
            Pending::Active(activity) => Self::Waiting { on: origin, activity: *activity },
            Pending::Failed(failure) => Self::Blocked { by: origin, failure: (**failure).clone() },
        }
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Active { activity } => activity.fmt(f),
            Self::Failed { failure } => write!(f, "failed: {failure}"),
            Self::Blocked { by: Some(by), failure } => write!(f, "blocked by {by}: {failure}"),
            Self::Blocked { by: None, failure } => write!(f, "blocked: {failure}"),
            Self::Waiting { activity, .. } => write!(f, "waiting: upstream is {activity}"),
        }
    }
}
