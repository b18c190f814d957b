//! The results of all elements, as soon as all are there.

use super::super::rank::Rank;
use super::super::{Outcome, Value};
use crate::incr::Aggregate;

/// While some are not there, a change costs O(log n) of those; when all are, O(n).
#[derive(Debug)]
pub(super) struct Settled<U> {
    leaves: Vec<Outcome<U>>,
    rank: Rank,
    value: Outcome<Vec<Option<U>>>,
    fresh: bool,
}

impl<U> Default for Settled<U> {
    fn default() -> Self {
        Self { leaves: Vec::new(), rank: Rank::default(), value: Ok(Vec::new()), fresh: true }
    }
}

impl<U: Value> Aggregate for Settled<U> {
    type Leaf = Outcome<U>;
    type Value = Outcome<Vec<Option<U>>>;

    fn rebuild(&mut self, leaves: impl Iterator<Item = Outcome<U>>) {
        self.leaves.clear();
        self.rank.clear();
        for (at, leaf) in (0..).zip(leaves) {
            self.rank.put(at, leaf.as_ref().err());
            self.leaves.push(leaf);
        }
    }

    fn set(&mut self, at: usize, leaf: Outcome<U>) {
        self.rank.put(at as u32, leaf.as_ref().err());
        self.leaves[at] = leaf;
    }

    fn settle(&mut self) -> bool {
        let new = match self.rank.first() {
            Some(reason) => Err(reason.clone()),
            // What has no value here was skipped.
            None => Ok(self.leaves.iter().map(|leaf| leaf.as_ref().ok().cloned()).collect()),
        };
        let changed = std::mem::take(&mut self.fresh) || self.value != new;
        self.value = new;
        changed
    }

    fn value(&self) -> &Outcome<Vec<Option<U>>> {
        &self.value
    }
}
