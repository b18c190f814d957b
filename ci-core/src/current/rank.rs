//! Which of many reasons is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lower::World;
use super::{Outcome, Pending, Reason, Value};
use crate::error::{Failure, FailureKind};
use crate::incr::{Cx, Node};

/// The members that are not done, by position: O(log n) a change.
#[derive(Debug, Default)]
pub(super) struct Rank {
    failed: BTreeMap<u32, Reason>,
    active: BTreeMap<u32, Reason>,
}

impl Rank {
    /// Why the member at a position has no value; `None`: it has one. What was skipped is passed over.
    pub(super) fn put(&mut self, at: u32, reason: Option<&Reason>) {
        self.failed.remove(&at);
        self.active.remove(&at);
        let Some(reason) = reason else { return };
        match &reason.what {
            Pending::Failed(failure) if failure.kind == FailureKind::Skipped => {}
            Pending::Failed(_) => _ = self.failed.insert(at, reason.clone()),
            Pending::Active(_) => _ = self.active.insert(at, reason.clone()),
        }
    }

    pub(super) fn clear(&mut self) {
        self.failed.clear();
        self.active.clear();
    }

    /// The first failure by position, else the first activity.
    pub(super) fn first(&self) -> Option<&Reason> {
        self.failed.values().next().or_else(|| self.first_active())
    }

    pub(super) fn first_active(&self) -> Option<&Reason> {
        self.active.values().next()
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = (u32, &Arc<Failure>)> {
        self.failed.iter().filter_map(|(at, reason)| match &reason.what {
            Pending::Failed(failure) => Some((*at, failure)),
            Pending::Active(_) => None,
        })
    }
}

/// The members of a node, looked at when they change.
#[derive(Debug)]
pub(super) struct Roll {
    rank: Rank,
    moved: Vec<u32>,
    /// New, or a look did not end, since a member has no value for having panicked: all are looked at.
    torn: bool,
}

impl Default for Roll {
    fn default() -> Self {
        Self { rank: Rank::default(), moved: Vec::new(), torn: true }
    }
}

impl Roll {
    /// The member at this position changed.
    pub(super) fn moved(&mut self, at: u32) {
        self.moved.push(at);
    }

    /// Looks at those that changed.
    pub(super) fn call<T: Value>(&mut self, members: &[Node<Outcome<T>>], cx: &Cx<'_, World>) {
        if std::mem::replace(&mut self.torn, true) {
            self.moved.clear();
            self.rank.clear();
            for (at, member) in (0..).zip(members) {
                self.rank.put(at, cx.get(*member).as_ref().err());
            }
        }
        for &at in &self.moved {
            self.rank.put(at, cx.get(members[at as usize]).as_ref().err());
        }
        self.moved.clear();
        self.torn = false;
    }

    pub(super) fn rank(&self) -> &Rank {
        &self.rank
    }
}
