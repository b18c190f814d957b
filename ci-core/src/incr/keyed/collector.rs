//! The aggregate of a keyed list's results.

use super::super::aggregate::Aggregate;
use super::super::compute::Compute;
use super::super::cx::Cx;
use super::super::id::Node;
use super::Members;

/// The node that has the elements' results as dynamic inputs. Slot 0 is the owner, slot n + 1 the element in slot n.
pub(super) struct Collector<K, B, G: Aggregate, L> {
    members: Node<Members<K, B>>,
    lift: L,
    /// By slot.
    leaves: Vec<Option<G::Leaf>>,
    aggregate: G,
    changed: Vec<u32>,
    version: u64,
    /// New, or a run did not end: everything is read.
    torn: bool,
}

impl<K, B, G: Aggregate, L> Collector<K, B, G, L> {
    pub(super) fn new(members: Node<Members<K, B>>, lift: L, aggregate: G) -> Self {
        Self { members, lift, leaves: Vec::new(), aggregate, changed: Vec::new(), version: 0, torn: true }
    }
}

impl<W, K, B, G, L> Compute<W> for Collector<K, B, G, L>
where
    K: Send + 'static,
    B: Send + 'static,
    G: Aggregate,
    L: FnMut(&B) -> G::Leaf + Send + 'static,
{
    type Value = G::Value;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let members = cx.get(self.members);
        let torn = std::mem::replace(&mut self.torn, true);
        let laid_out = !torn && self.version == members.version;
        if torn || self.version + 1 < members.version {
            self.leaves.clear();
            self.changed.clear();
        } else if !laid_out {
            // A slot does not pass on what its former holder left.
            for &slot in &members.turned_over {
                if let Some(leaf) = self.leaves.get_mut(slot as usize) {
                    *leaf = None;
                }
            }
        }
        self.leaves.resize(members.results.len(), None);
        for slot in self.changed.iter().filter(|slot| **slot > 0).map(|slot| *slot as usize - 1) {
            let leaf = (self.lift)(cx.get(members.results[slot]));
            if laid_out {
                self.aggregate.set(members.places[slot] as usize, leaf.clone());
            }
            self.leaves[slot] = Some(leaf);
        }
        if !laid_out {
            let Self { leaves, lift, aggregate, .. } = self;
            aggregate.rebuild(members.order.iter().map(|&slot| {
                let read = || lift(cx.get(members.results[slot as usize]));
                leaves[slot as usize].get_or_insert_with(read).clone()
            }));
            self.version = members.version;
        }
        let changed = self.aggregate.settle();
        self.changed.clear();
        self.torn = false;
        changed
    }

    fn value(&self) -> &G::Value {
        self.aggregate.value()
    }

    fn input_changed(&mut self, slot: u32) {
        if !self.torn {
            self.changed.push(slot);
        }
    }
}
