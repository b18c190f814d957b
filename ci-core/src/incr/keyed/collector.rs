//! The aggregate of a keyed list's results.

use super::super::aggregate::Aggregate;
use super::super::compute::Compute;
use super::super::cx::Cx;
use super::super::id::{NONE, Node};
use super::{Members, Moved};

/// The node that has the elements' results as dynamic inputs. Slot 0 is the owner, slot n + 1 the element in slot n.
pub(super) struct Collector<K, B, G: Aggregate, L> {
    members: Node<Members<K, B>>,
    lift: L,
    aggregate: G,
    changed: Vec<u32>,
    version: u64,
    /// New, or a run did not end: everything is read.
    torn: bool,
}

impl<K, B, G: Aggregate, L> Collector<K, B, G, L> {
    pub(super) fn new(members: Node<Members<K, B>>, lift: L, aggregate: G) -> Self {
        Self { members, lift, aggregate, changed: Vec::new(), version: 0, torn: true }
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
        let Self { lift, aggregate, changed, .. } = self;
        let members = cx.get(self.members);
        let mut leaf = |slot: u32| lift(cx.get(members.results[slot as usize]));
        if std::mem::replace(&mut self.torn, true) || self.version + 1 < members.version {
            aggregate.rebuild(members.order.iter().map(|slot| leaf(*slot)));
        } else {
            let mut came = 0..0;
            if self.version < members.version {
                let Moved { from, old_to, to } = members.moved;
                came = from..to;
                aggregate
                    .splice(from..old_to, members.order[from..to].iter().map(|slot| leaf(*slot)).collect());
            }
            for slot in changed.iter().filter(|slot| **slot > 0).map(|slot| *slot - 1) {
                let place = members.places[slot as usize];
                // What came was read above, and who left a slot that nobody has yet is not there any more.
                if place != NONE && !came.contains(&(place as usize)) {
                    aggregate.set(place as usize, leaf(slot));
                }
            }
        }
        self.version = members.version;
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
