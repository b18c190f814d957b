//! Keeping heights true when something taller is put below a node.

use std::cmp::{Ordering, Reverse};

use super::arena::{Outs, RAISING};
use super::graph::Graph;
use super::id::NONE;

/// A node to be raised, ordered by the height it had before: lowest first.
///
/// Before a raise all heights are true, so whatever can raise a node further stood below it, and comes out of the
/// heap first. Each node is therefore visited once, however many ways lead to it.
#[derive(PartialEq, Eq)]
pub(super) struct Raise {
    before: u32,
    index: u32,
}

impl Ord for Raise {
    fn cmp(&self, other: &Self) -> Ordering {
        Reverse((self.before, self.index)).cmp(&Reverse((other.before, other.index)))
    }
}

impl PartialOrd for Raise {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> Graph<W> {
    /// Raises a node to at least `height`, and with it what depends on it and what stands in scopes that it owns.
    /// Heights never sink. What is in the queue stays there, in the list of its old height, and is put right when
    /// it comes out.
    pub(super) fn raise(&mut self, index: u32, height: u32) {
        self.lift(index, height);
        while let Some(Raise { index, .. }) = self.raising.pop() {
            let slot = &mut self.nodes[index];
            slot.flags &= !RAISING;
            let height = slot.height;
            let outs = std::mem::take(&mut slot.outs);
            self.queue.make_room(height);
            self.stats.raised += 1;
            for edge in outs.edges() {
                if self.nodes.leads(edge) {
                    self.lift(edge.to, height + 1);
                }
            }
            let mut owned = outs.owned();
            while owned != NONE {
                let scope = self.scopes.get(owned);
                owned = scope.next;
                let mut node = scope.first;
                while node != NONE {
                    self.lift(node, height + 1);
                    node = self.nodes[node].next_in_scope;
                }
            }
            debug_assert!(matches!(self.nodes[index].outs, Outs::None), "because a raise makes no edge");
            self.nodes[index].outs = outs;
        }
    }

    fn lift(&mut self, index: u32, height: u32) {
        let slot = &mut self.nodes[index];
        if slot.height >= height {
            return;
        }
        let before = std::mem::replace(&mut slot.height, height);
        if !slot.is(RAISING) {
            slot.flags |= RAISING;
            self.raising.push(Raise { before, index });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_is_raised_once_however_many_ways_lead_to_it() {
        const RUNGS: u64 = 40;
        let mut graph = Graph::new(());
        let pick = graph.var(false);
        let tall = (0..10).fold(pick, |x, _| graph.map(x, |x| *x));
        let bound = graph.bind(pick, move |_, x| if x { tall } else { pick });
        // Two ways at each rung, one longer than the other.
        let top = (0..RUNGS).fold(bound, |x, _| {
            let aside = graph.map(x, |x| *x);
            graph.map2(x, aside, |a, b| a | b)
        });
        graph.propagate();
        graph.set(pick, true);
        let stats = graph.propagate();
        assert_eq!(stats.raised, 1 + 2 * RUNGS);
        assert_eq!(graph.get(top), Some(&true));
    }
}
