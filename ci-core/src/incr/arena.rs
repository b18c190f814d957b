//! Where nodes live: slots of one cache line, in chunks that never move.

use std::ops::{Index, IndexMut};

use super::compute::Object;
use super::id::{Id, NONE};

/// Slots in a chunk. Growing by chunks copies nothing, and wastes less than the doubling of a `Vec` would.
const CHUNK: usize = 4096;

/// In the queue, once.
pub(super) const QUEUED: u8 = 1;
/// Has run, so that it has a value.
pub(super) const COMPUTED: u8 = 2;
/// Has one input, made in its own scope: when nothing but that input can ask for it, nothing has to run in between.
pub(super) const SOLE_INPUT: u8 = 4;
/// Wants to hear which inputs changed.
pub(super) const SLOTS: u8 = 8;
/// Its last run changed its value.
pub(super) const CHANGED: u8 = 16;
/// Released while in the queue: the place is free when the queue lets go of it.
pub(super) const RELEASED: u8 = 32;
/// In the work list of a raise.
pub(super) const RAISING: u8 = 64;
/// May be slow: its runs are timed.
pub(super) const SUSPECT: u8 = 128;

/// A node. The fields come to 64 bytes; the alignment makes each node touch exactly one cache line.
#[repr(align(64))]
pub(super) struct Slot<W> {
    /// `None` while it runs, and when it is released.
    pub(super) object: Option<Box<dyn Object<W>>>,
    pub(super) outs: Outs,
    /// Above all inputs, and above the owner of the scope.
    pub(super) height: u32,
    pub(super) generation: u32,
    pub(super) scope: u32,
    /// The scope's list of its nodes; in a free slot, the list of free slots.
    pub(super) next_in_scope: u32,
    pub(super) next_in_queue: u32,
    /// Who put it into the queue last ([`NONE`]: somebody outside), and in which step, modulo 2³².
    pub(super) cause: u32,
    pub(super) step: u32,
    /// The cause's generation, modulo 2¹⁶: a place used again is not taken for its former holder.
    pub(super) cause_generation: u16,
    pub(super) flags: u8,
    /// Timed runs until it is no longer a suspect.
    pub(super) trials: u8,
}

impl<W> Slot<W> {
    /// A place never taken. No id has its generation.
    fn unused() -> Self {
        Self {
            object: None,
            outs: Outs::None,
            height: 0,
            generation: u32::MAX,
            scope: NONE,
            next_in_scope: NONE,
            next_in_queue: NONE,
            cause: NONE,
            step: 0,
            cause_generation: 0,
            flags: 0,
            trials: 0,
        }
    }

    /// Notes who made it run, and when.
    pub(super) fn note_cause(&mut self, cause: Option<Id>, step: u64) {
        let Id { index, generation } = cause.unwrap_or(Id { index: NONE, generation: 0 });
        self.cause = index;
        self.cause_generation = generation as u16;
        self.step = step as u32;
    }

    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Whom a node tells.
#[derive(Default)]
pub(super) enum Outs {
    #[default]
    None,
    One(Edge),
    Many(Box<Fan>),
}

/// To `to`, if that is still of this generation, as its input number `slot`.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub(super) to: u32,
    pub(super) generation: u32,
    pub(super) slot: u32,
}

impl Edge {
    pub(super) fn target(&self) -> Id {
        Id { index: self.to, generation: self.generation }
    }
}

/// The rarer kind of out-edges, and what only few nodes have: scopes of their own.
pub(super) struct Fan {
    pub(super) edges: Vec<Edge>,
    /// The first of the scopes that the node owns.
    pub(super) owned: u32,
}

impl Outs {
    pub(super) fn fan(&mut self) -> &mut Fan {
        if !matches!(self, Self::Many(_)) {
            let edges = match self {
                Self::One(edge) => vec![*edge],
                Self::None | Self::Many(_) => Vec::new(),
            };
            *self = Self::Many(Box::new(Fan { edges, owned: NONE }));
        }
        match self {
            Self::Many(fan) => fan,
            Self::None | Self::One(_) => unreachable!("because it was made a fan above"),
        }
    }

    pub(super) fn edges(&self) -> &[Edge] {
        match self {
            Self::None => &[],
            Self::One(edge) => std::slice::from_ref(edge),
            Self::Many(fan) => &fan.edges,
        }
    }

    pub(super) fn owned(&self) -> u32 {
        match self {
            Self::Many(fan) => fan.owned,
            Self::None | Self::One(_) => NONE,
        }
    }
}

/// All nodes. Places are numbered; a released place is used again with its generation raised.
pub(super) struct Arena<W> {
    chunks: Vec<Box<[Slot<W>; CHUNK]>>,
    /// Places that were ever taken.
    made: u32,
    free: u32,
}

impl<W> Arena<W> {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), made: 0, free: NONE }
    }

    /// A place without an object; its flags are clear and its generation is its own.
    pub(super) fn take(&mut self) -> u32 {
        if self.free != NONE {
            let index = self.free;
            self.free = self[index].next_in_scope;
            return index;
        }
        let index = self.made;
        if index as usize == self.chunks.len() * CHUNK {
            let chunk: Box<[_]> = (0..CHUNK).map(|_| Slot::unused()).collect();
            self.chunks.push(chunk.try_into().ok().expect("because it has as many slots as a chunk"));
        }
        self.made = index.checked_add(1).expect("because a node takes 64 bytes of memory");
        self[index].generation = 0;
        index
    }

    /// Makes the place free. One whose generations are used up stays empty for ever.
    pub(super) fn give_back(&mut self, index: u32) {
        let free = self.free;
        let slot = &mut self[index];
        slot.flags = 0;
        if slot.generation != u32::MAX {
            slot.next_in_scope = free;
            self.free = index;
        }
    }

    pub(super) fn id(&self, index: u32) -> Id {
        Id { index, generation: self[index].generation }
    }

    pub(super) fn is_live(&self, id: Id) -> bool {
        self.live(id).is_some()
    }

    #[inline]
    pub(super) fn live(&self, id: Id) -> Option<&Slot<W>> {
        let chunk = self.chunks.get(id.index as usize / CHUNK)?;
        Some(&chunk[id.index as usize % CHUNK]).filter(|slot| slot.generation == id.generation)
    }

    #[inline]
    pub(super) fn live_mut(&mut self, id: Id) -> Option<&mut Slot<W>> {
        let chunk = self.chunks.get_mut(id.index as usize / CHUNK)?;
        Some(&mut chunk[id.index as usize % CHUNK]).filter(|slot| slot.generation == id.generation)
    }

    /// Whether the edge still leads to the node it was made for.
    pub(super) fn leads(&self, edge: &Edge) -> bool {
        self[edge.to].generation == edge.generation
    }

    /// Adds an edge from `from`. Before a list of edges grows, the dead ones are swept: it stays within twice the
    /// edges that were ever alive together, even if `from` never changes.
    pub(super) fn connect(&mut self, from: u32, edge: Edge) {
        let mut outs = std::mem::take(&mut self[from].outs);
        match &mut outs {
            Outs::None => outs = Outs::One(edge),
            Outs::One(old) if !self.leads(old) => *old = edge,
            Outs::One(_) => outs.fan().edges.push(edge),
            Outs::Many(fan) => {
                if fan.edges.len() == fan.edges.capacity() {
                    self.sweep(&mut fan.edges);
                }
                fan.edges.push(edge);
            }
        }
        self[from].outs = outs;
    }

    /// Drops dead edges, and makes room so that the next sweep is as many additions away as there are edges.
    pub(super) fn sweep(&self, edges: &mut Vec<Edge>) {
        edges.retain(|edge| self.leads(edge));
        edges.reserve(edges.len());
    }
}

impl<W> Index<u32> for Arena<W> {
    type Output = Slot<W>;

    fn index(&self, index: u32) -> &Slot<W> {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

impl<W> IndexMut<u32> for Arena<W> {
    fn index_mut(&mut self, index: u32) -> &mut Slot<W> {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_one_cache_line() {
        assert_eq!(size_of::<Slot<()>>(), 64);
    }

    #[test]
    fn a_place_used_again_has_another_name() {
        let mut arena = Arena::<()>::new();
        let first = arena.take();
        let id = arena.id(first);
        arena[first].generation += 1;
        arena.give_back(first);
        assert_eq!(arena.take(), first);
        assert!(!arena.is_live(id) && arena.is_live(arena.id(first)));
        arena[first].generation = u32::MAX;
        arena.give_back(first);
        assert_ne!(arena.take(), first, "no generation is left for it");
    }

    #[test]
    fn dead_edges_are_swept_when_there_is_no_room() {
        let mut arena = Arena::<()>::new();
        let from = arena.take();
        let edge = |arena: &mut Arena<()>| {
            let to = arena.take();
            Edge { to, generation: arena[to].generation, slot: 0 }
        };
        let first = edge(&mut arena);
        arena.connect(from, first);
        arena[first.to].generation += 1;
        let second = edge(&mut arena);
        arena.connect(from, second);
        assert!(
            matches!(&arena[from].outs, Outs::One(edge) if edge.to == second.to),
            "in the dead one's place"
        );

        let third = edge(&mut arena);
        arena.connect(from, third);
        while arena[from].outs.fan().edges.len() < arena[from].outs.fan().edges.capacity() - 1 {
            let next = edge(&mut arena);
            arena.connect(from, next);
        }
        arena[third.to].generation += 1;
        let len = |arena: &mut Arena<()>| arena[from].outs.fan().edges.len();
        let full = len(&mut arena) + 1;
        let last = edge(&mut arena);
        arena.connect(from, last);
        assert_eq!(len(&mut arena), full, "there was room: nothing was looked through");
        let next = edge(&mut arena);
        arena.connect(from, next);
        assert_eq!(len(&mut arena), full, "one is swept, one comes");
        assert!(arena[from].outs.fan().edges.capacity() >= 2 * (full - 1), "the next sweep is far");
    }

    #[test]
    fn dead_edges_do_not_pile_up_on_a_node_that_never_changes() {
        let mut arena = Arena::<()>::new();
        let from = arena.take();
        for _ in 0..10_000 {
            let to = arena.take();
            arena.connect(from, Edge { to, generation: arena[to].generation, slot: 0 });
            arena.connect(from, Edge { to, generation: arena[to].generation, slot: 1 });
            arena[to].generation += 1;
            arena.give_back(to);
        }
        assert!(arena[from].outs.fan().edges.capacity() <= 8);
    }
}
