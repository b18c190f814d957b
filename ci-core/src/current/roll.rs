//! The members that a node is made of, looked at when they change.

use super::lower::World;
use super::rank::Rank;
use super::{Outcome, Value};
use crate::incr::{Cx, Node};

/// What a node knows of its members.
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
