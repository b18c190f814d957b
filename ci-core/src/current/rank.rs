//! Which of many reasons is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Pending, Reason};
use crate::error::{Failure, FailureKind};

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
