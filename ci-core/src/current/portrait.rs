//! What a node tells of itself, for people.

use std::any::Any;

use super::{Activity, Label, Outcome, Reason};
use crate::engine::{CollapseView, GroupKind, NodeKind};
use crate::ids::OpId;
use crate::incr::{Id, Scope};
use crate::op::{Place, Request};

/// A question to a node: an empty portrait, which it fills in. Nodes that people are not to see leave it empty.
#[derive(Debug, Default)]
pub(crate) struct Portrait {
    pub(crate) seen: Option<Seen>,
}

/// A node as people see it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) label: Label,
    pub(crate) kind: NodeKind,
    pub(crate) hidden: bool,
    pub(crate) inputs: Vec<Id>,
    /// The owner whose groups' results it reads, too.
    pub(crate) gathers: Vec<Id>,
    /// It is what a group was made for: it reads what the group's owner reads.
    pub(crate) stands_for_group: bool,
    /// Why there is no value.
    pub(crate) reason: Option<Reason>,
    pub(crate) stale: Option<String>,
    /// What goes on to renew the value.
    pub(crate) refreshing: Option<Activity>,
    pub(crate) collapse: Option<CollapseView>,
    pub(crate) work: Option<Work>,
    pub(crate) group: Option<Made>,
}

/// What does something outside.
#[derive(Debug)]
pub(crate) enum Work {
    Stage(Stage),
    /// The monitor's instance, if it has one.
    Monitor(Option<u64>),
}

/// What an operation's node is about.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) op: OpId,
    pub(crate) publishes: bool,
    /// For a publisher whose place does not depend on its input.
    pub(crate) place: Option<Place>,
    /// What it would do, as far as that is known.
    pub(crate) would: Option<String>,
    /// What it asks for, or, while its input has no value, asked for last.
    pub(crate) asked: Option<Request>,
    /// Whom it asks now.
    pub(crate) instance: Option<u64>,
    /// Whom it asked before its input lost its value.
    pub(crate) kept: Option<u64>,
}

/// Nodes that a node has made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) kind: GroupKind,
    pub(crate) label: String,
    pub(crate) preview: bool,
    pub(crate) scope: Option<Scope>,
    pub(crate) result: Option<Id>,
    pub(crate) members: Vec<Made>,
}

/// Answers a question that may ask for a portrait.
pub(super) fn sit(question: &mut dyn Any, seen: impl FnOnce() -> Seen) {
    if let Some(portrait) = question.downcast_mut::<Portrait>() {
        portrait.seen = Some(seen());
    }
}

impl Seen {
    pub(super) fn new<T>(
        kind: NodeKind,
        label: impl Into<Label>,
        inputs: impl Into<Vec<Id>>,
        value: &Outcome<T>,
    ) -> Self {
        Self {
            label: label.into(),
            kind,
            hidden: kind == NodeKind::Combinator,
            inputs: inputs.into(),
            gathers: Vec::new(),
            stands_for_group: false,
            reason: value.as_ref().err().cloned(),
            stale: None,
            refreshing: None,
            collapse: None,
            work: None,
            group: None,
        }
    }

    /// Lines go past it.
    pub(super) fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// It is drawn although it only combines.
    pub(super) fn shown(self) -> Self {
        Self { hidden: false, ..self }
    }
}
