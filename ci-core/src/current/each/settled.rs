//! The results of all elements, as soon as all are there.

use std::ops::Range;

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

impl<U: Value> Settled<U> {
    fn rank_all(&mut self) {
        self.rank.clear();
        for (at, leaf) in (0..).zip(&self.leaves) {
            self.rank.put(at, leaf.as_ref().err());
        }
    }
}

impl<U: Value> Aggregate for Settled<U> {
    type Leaf = Outcome<U>;
    type Value = Outcome<Vec<Option<U>>>;

    fn rebuild(&mut self, leaves: impl Iterator<Item = Outcome<U>>) {
        self.leaves.clear();
        self.leaves.extend(leaves);
        self.rank_all();
    }

    fn splice(&mut self, gone: Range<usize>, leaves: Vec<Outcome<U>>) {
        self.leaves.splice(gone, leaves);
        self.rank_all();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::current::{Activity, Pending, Reason};
    use crate::incr::Graph;

    #[test]
    fn of_results_that_are_gone_nothing_is_left() {
        let mut graph = Graph::new(());
        let origin = graph.var(0).id();
        let running = Reason { origin, what: Pending::Active(Activity::Running) };
        let mut settled = Settled::default();
        settled.rebuild([Ok(1), Ok(2), Err(running.clone())].into_iter());
        assert!(settled.settle());
        assert_eq!(*settled.value(), Err(running.clone()));
        settled.rebuild([Ok(3)].into_iter());
        assert!(settled.settle());
        assert_eq!(*settled.value(), Ok(vec![Some(3)]));
        settled.rebuild([Ok(3), Err(running)].into_iter());
        settled.splice(1..2, Vec::new());
        assert!(!settled.settle(), "it is as it was");
    }
}
