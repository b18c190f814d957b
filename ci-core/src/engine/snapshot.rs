//! The pipeline at one moment, for people.

use std::collections::HashSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::{NodeKind, NodeState};
use crate::current::Activity;
use crate::error::Failure;
use crate::ids::{JobId, KeyDigest};

/// Every node with its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// The engine's step.
    pub step: u64,
    /// In the order in which they were written, but for this: inputs come before what depends on them.
    pub nodes: Vec<NodeView>,
    /// Nodes that were made together. A group comes after the one that it is in.
    pub groups: Vec<GroupView>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeView {
    /// Its place in [`Snapshot::nodes`].
    pub id: usize,
    /// What it is called from outside; unlike its place it stays the same from step to step, from run to run, and when
    /// other parts of the pipeline are written differently.
    pub name: NodeName,
    /// What it is called.
    pub label: String,
    /// What it does.
    pub kind: NodeKind,
    /// Not drawn, unless it is the one that failed: lines go past it.
    pub hidden: bool,
    /// The group that it is in: a place in [`Snapshot::groups`].
    pub group: Option<usize>,
    /// Nodes that it does not read, but that people are to see before it.
    pub context: Vec<usize>,
    /// For [`NodeKind::Collapse`]: under which name and value it is opened.
    pub collapse: Option<CollapseView>,
    /// For an operation: what it would do, or has done, as far as that is known before its input is; the end of a
    /// sentence: `build Dockerfile of site@1a2b3c4d`.
    pub would: Option<String>,
    /// The nodes it depends on directly.
    pub inputs: Vec<usize>,
    /// How it stands.
    pub state: NodeState,
    /// What is going on to renew the value, which is used until then.
    pub refreshing: Option<Activity>,
    /// The newest job, for an operation.
    pub job: Option<JobId>,
    /// For a monitor whose newest read failed, a list that can't be read, or an operation whose value could not be made
    /// again: why. Its value, or its elements, are those that were there before.
    pub stale: Option<String>,
    /// For an operation whose place somebody else changed since: what is there, and what is not.
    pub drift: Option<Failure>,
    /// When it was last computed, and why. It need not have changed.
    pub moved: Option<MovedView>,
}

/// See [`NodeView::moved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MovedView {
    /// When: these numbers grow, by one or more with each step of the engine, and are the same for what moved together.
    pub step: u64,
    /// The first input that had changed. `None`: it moved by itself, as a job that ends or a commit that comes.
    pub by: Option<usize>,
}

/// A name of 16 hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub(crate) u64);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// See [`NodeView::collapse`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollapseView {
    /// What is chosen: `branch`.
    pub key: String,
    /// Of several with the same key: which.
    pub value: String,
}

/// Nodes that were made together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// The node that made it.
    pub owner: usize,
    /// The group that it is in.
    pub parent: Option<usize>,
    /// What made it.
    pub kind: GroupKind,
    /// For a list: what it was called, or nothing. For an element: its key.
    pub label: String,
    /// Nobody has the value that it would be made for: it shows what would be there.
    pub preview: bool,
}

/// What a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// All elements of a list.
    List,
    /// What was made for one element of a list.
    Element,
    /// What is made of a value that need not be there.
    Option,
    /// What a bind made.
    Body,
}

/// One operation of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageView {
    /// Its place in [`Snapshot::nodes`].
    pub node: usize,
    /// What it is called.
    pub label: String,
    /// The operation's name: `docker-service`.
    pub op: String,
    /// Whether it makes the world hold something, rather than making something of something.
    pub publishes: bool,
    /// For a publisher whose place does not depend on its input: that place.
    pub place: Option<PlaceView>,
    /// How it stands.
    pub state: NodeState,
    /// What it asks for, or, while its input has no value, asked for last. `None`: it had no input since the start.
    pub asked: Option<AskedView>,
    /// The newest job for what it asks for now.
    pub job: Option<JobId>,
    /// See [`NodeView::drift`].
    pub drift: Option<Failure>,
}

/// See [`StageView::asked`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AskedView {
    /// Identity, together with the operation's name.
    pub key: KeyDigest,
    /// One line for people; a publisher's is `PLACE := VALUE`.
    pub summary: String,
}

/// See [`StageView::place`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceView {
    /// Identity, together with the operation's name.
    pub key: KeyDigest,
    /// For people: `site_web on local`.
    pub name: String,
}

impl NodeView {
    /// A node at place `id` that has its value, in no group.
    pub fn new(id: usize, kind: NodeKind, label: impl Into<String>, inputs: impl Into<Vec<usize>>) -> Self {
        Self {
            id,
            name: NodeName(id as u64),
            label: label.into(),
            kind,
            hidden: matches!(kind, NodeKind::Combinator | NodeKind::Constant),
            group: None,
            context: Vec::new(),
            collapse: None,
            would: None,
            inputs: inputs.into(),
            state: NodeState::Ok,
            refreshing: None,
            job: None,
            stale: None,
            drift: None,
            moved: None,
        }
    }

    /// What it would do, or else what it is called.
    pub fn title(&self) -> &str {
        self.would.as_deref().unwrap_or(&self.label)
    }
}

impl Snapshot {
    /// The operations and monitors whose values a node lacks: the nearest on each way up from it.
    pub fn lacks(&self, node: usize) -> Vec<usize> {
        let mut seen = HashSet::new();
        let mut ahead: Vec<usize> = self.nodes.get(node).map_or(Vec::new(), |node| node.inputs.clone());
        let mut lacked = Vec::new();
        while let Some(at) = ahead.pop() {
            let Some(input) = self.nodes.get(at).filter(|_| seen.insert(at)) else { continue };
            match (&input.state, input.kind) {
                (NodeState::Ok, _) => {}
                (_, NodeKind::Operation | NodeKind::Monitor) => lacked.push(at),
                // It says itself that it has none: nothing before it is to blame.
                (NodeState::Failed { .. } | NodeState::Active { .. }, _) => lacked.push(at),
                (NodeState::Blocked { .. } | NodeState::Waiting { .. }, _) => ahead.extend(&input.inputs),
            }
        }
        lacked.sort_unstable();
        lacked
    }

    /// What a node lacks, in words: `needs fetch site@1a2b3c4d (live), which waits for confirmation`. `None`: nothing.
    pub fn needs(&self, node: usize) -> Option<String> {
        let lacks = self.lacks(node);
        let told = lacks.iter().take(Self::NEEDS_TOLD_MAX).map(|at| {
            let lacked = &self.nodes[*at];
            let which = match &lacked.state {
                NodeState::Ok => "is there",
                NodeState::Active { activity: Activity::WaitingForConfirmation } => "waits for confirmation",
                NodeState::Active { activity: Activity::Queued } => "is queued",
                NodeState::Active { activity: Activity::Running } => "is running",
                NodeState::Active { activity: Activity::Retrying } => "is tried again",
                NodeState::Failed { .. } => "failed",
                NodeState::Blocked { .. } => "is blocked itself",
                NodeState::Waiting { .. } => "is held back itself",
            };
            format!("{}, which {which}", lacked.title())
        });
        let told: Vec<_> = told.collect();
        let more = match lacks.len().saturating_sub(told.len()) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        (!told.is_empty()).then(|| format!("needs {}{more}", told.join("; ")))
    }

    /// How many lacks are told by name.
    pub const NEEDS_TOLD_MAX: usize = 3;
}
