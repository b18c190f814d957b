//! What waits to run: a list per height, threaded through the nodes themselves, and a bit per height that has one.
//!
//! Putting in and taking out is O(1) but for the walk over empty heights (64 a word). Nothing is allocated: room for
//! a height is made when a node gets it. Within a height, first come is first served.

use super::arena::{Arena, QUEUED};
use super::id::NONE;

#[derive(Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

pub(super) struct Queue {
    lists: Vec<List>,
    /// A bit for each list that is not empty.
    bits: Vec<u64>,
    /// No word before this one has a bit.
    low: usize,
    len: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { lists: Vec::new(), bits: Vec::new(), low: 0, len: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Must be called before a node of this height is pushed.
    pub(super) fn make_room(&mut self, height: u32) {
        let height = height as usize;
        if height >= self.lists.len() {
            self.lists.resize(height + 1, List { head: NONE, tail: NONE });
            self.bits.resize(height / 64 + 1, 0);
        }
    }

    /// Puts a node that is not in the queue at the end of its height's list.
    pub(super) fn push<W>(&mut self, nodes: &mut Arena<W>, index: u32) {
        let slot = &mut nodes[index];
        slot.flags |= QUEUED;
        slot.next_in_queue = NONE;
        let height = slot.height as usize;
        let list = &mut self.lists[height];
        let tail = std::mem::replace(&mut list.tail, index);
        if tail == NONE {
            list.head = index;
            self.bits[height / 64] |= 1 << (height % 64);
            self.low = self.low.min(height / 64);
        } else {
            nodes[tail].next_in_queue = index;
        }
        self.len += 1;
    }

    /// The first node of the lowest list, which may have been raised or released since it was put in.
    pub(super) fn pop<W>(&mut self, nodes: &mut Arena<W>) -> Option<(u32, u32)> {
        if self.len == 0 {
            return None;
        }
        while self.bits[self.low] == 0 {
            self.low += 1;
        }
        let height = self.low * 64 + self.bits[self.low].trailing_zeros() as usize;
        let list = &mut self.lists[height];
        let index = list.head;
        let slot = &mut nodes[index];
        slot.flags &= !QUEUED;
        list.head = slot.next_in_queue;
        if list.head == NONE {
            list.tail = NONE;
            self.bits[self.low] &= !(1 << (height % 64));
        }
        self.len -= 1;
        Some((index, height as u32))
    }
}
