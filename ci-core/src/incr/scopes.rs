//! Scopes: which nodes go together, and which node made them.

use super::id::{NONE, Scope};

/// One scope. Its nodes and, with other scopes of its owner, it itself are in lists threaded by index.
pub(super) struct ScopeSlot {
    pub(super) generation: u32,
    /// The node that opened it and that all its nodes stand above; [`NONE`] for the root and those opened outside.
    pub(super) owner: u32,
    /// The node made last in it.
    pub(super) first: u32,
    pub(super) next: u32,
    pub(super) prev: u32,
}

pub(super) struct Scopes {
    pub(super) slots: Vec<ScopeSlot>,
    free: Vec<u32>,
}

impl Scopes {
    pub(super) fn new() -> Self {
        let root = ScopeSlot { generation: 0, owner: NONE, first: NONE, next: NONE, prev: NONE };
        Self { slots: vec![root], free: Vec::new() }
    }

    pub(super) fn get(&self, index: u32) -> &ScopeSlot {
        &self.slots[index as usize]
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut ScopeSlot {
        &mut self.slots[index as usize]
    }

    pub(super) fn is_live(&self, scope: Scope) -> bool {
        self.slots.get(scope.index as usize).is_some_and(|slot| slot.generation == scope.generation)
    }

    /// A new scope, put before `next` in the list of `owner`'s.
    pub(super) fn open(&mut self, owner: u32, next: u32) -> Scope {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(ScopeSlot { generation: 0, owner: NONE, first: NONE, next: NONE, prev: NONE });
            u32::try_from(self.slots.len() - 1).expect("because each scope takes 20 bytes of memory")
        });
        if next != NONE {
            self.get_mut(next).prev = index;
        }
        let slot = self.get_mut(index);
        *slot = ScopeSlot { generation: slot.generation, owner, first: NONE, next, prev: NONE };
        Scope { index, generation: slot.generation }
    }

    /// Ends a scope (the root is only emptied) and gives the first of its nodes.
    pub(super) fn close(&mut self, index: u32) -> u32 {
        let slot = self.get_mut(index);
        let first = std::mem::replace(&mut slot.first, NONE);
        if index != Scope::ROOT.index {
            slot.generation += 1;
            if slot.generation != u32::MAX {
                self.free.push(index);
            }
        }
        first
    }
}
