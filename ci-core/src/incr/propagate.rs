//! One step: running what waits, lowest first, and telling those above.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::arena::{CHANGED, COMPUTED, Edge, Outs, QUEUED, RELEASED, SLOTS, SOLE_INPUT};
use super::cx::{Cx, NoValue};
use super::graph::{Graph, Unsettled};
use super::id::{Id, NONE};
use super::stats::Stats;

impl<W> Graph<W> {
    /// Runs every node that has to, each once, inputs first; stops where a value comes out equal.
    ///
    /// Costs, with no log factor, the nodes that run and the edges out of those that changed, independent of the
    /// size of the graph; and allocates nothing unless nodes do.
    ///
    /// # Panics
    ///
    /// If called by a node that runs. Panics of nodes are caught and reported in [`Stats::panicked`]: such a node
    /// keeps its value, and the graph goes on.
    pub fn propagate(&mut self) -> Stats {
        assert!(self.running == NONE, "a node that runs can't start another step");
        self.step += 1;
        while let Some((index, height)) = self.queue.pop(&mut self.nodes) {
            let slot = &self.nodes[index];
            if slot.is(RELEASED) {
                self.nodes.give_back(index);
            } else if slot.height > height {
                self.queue.push(&mut self.nodes, index);
            } else {
                let mut next = Some(index);
                while let Some(index) = next {
                    next = self.run(index);
                }
            }
        }
        self.running = NONE;
        while let Some(id) = self.later.pop() {
            self.invalidate(id);
        }
        self.stats.step = self.step;
        std::mem::take(&mut self.stats)
    }

    /// Runs one node and tells its dependents. A single dependent before which nothing has to run is not queued but
    /// returned.
    fn run(&mut self, index: u32) -> Option<u32> {
        let slot = &mut self.nodes[index];
        let mut object = slot.object.take().expect("because a live node that does not run has its object");
        let me = Id { index, generation: slot.generation };
        let height = slot.height;
        self.running = height;
        self.stats.recomputed += 1;
        let result = catch_unwind(AssertUnwindSafe(|| object.run(&mut Cx::new(self, me, height))));

        let slot = &mut self.nodes[index];
        slot.object = Some(object);
        let changed = match &result {
            Ok(changed) => *changed || !slot.is(COMPUTED),
            Err(_) => false,
        };
        if changed {
            slot.flags |= COMPUTED | CHANGED;
            self.stats.changed += 1;
        } else {
            slot.flags &= !CHANGED;
        }
        let sole = if let Outs::One(edge) = slot.outs { Some(edge) } else { None };
        if !self.unsettled.is_empty() {
            self.settle_scopes(result.is_ok());
            if !self.nodes.is_live(me) {
                // It has released the scope that it is in.
                return None;
            }
        }
        match (result, sole) {
            (Err(panic), _) => {
                self.report(me, panic);
                None
            }
            (Ok(_), Some(edge)) if changed => self.tell(&edge, me),
            (Ok(_), None) if changed => {
                self.tell_many(me);
                None
            }
            (Ok(_), _) => None,
        }
    }

    /// Does the releases that waited for the end of a run. After a panic, all is as if the node had not run: what it
    /// opened goes, what it wanted released stays.
    fn settle_scopes(&mut self, ended_well: bool) {
        while let Some(change) = self.unsettled.pop() {
            match change {
                Unsettled::Released(scope) if ended_well => self.release_now(scope),
                Unsettled::Opened(scope) if !ended_well => self.release_now(scope),
                Unsettled::Released(_) | Unsettled::Opened(_) => {}
            }
        }
    }

    fn tell_many(&mut self, me: Id) {
        // Telling touches other slots only, never who is told.
        let Outs::Many(mut fan) = std::mem::take(&mut self.nodes[me.index].outs) else { return };
        let mut dead = 0;
        for edge in &fan.edges {
            if !self.nodes.leads(edge) {
                dead += 1;
            } else if let Some(next) = self.tell(edge, me) {
                self.queue.push(&mut self.nodes, next);
            }
        }
        if dead > fan.edges.len() / 2 {
            fan.edges.retain(|edge| self.nodes.leads(edge));
        }
        self.nodes[me.index].outs = Outs::Many(fan);
    }

    /// Tells and queues one dependent, or returns it if nothing has to run before it.
    fn tell(&mut self, edge: &Edge, cause: Id) -> Option<u32> {
        let to = Id { index: edge.to, generation: edge.generation };
        let slot = self.nodes.live_mut(to)?;
        let mut panic = None;
        if slot.is(SLOTS)
            && let Some(object) = &mut slot.object
        {
            panic = catch_unwind(AssertUnwindSafe(|| object.slot_changed(edge.slot))).err();
        }
        let mut next = None;
        if !slot.is(QUEUED) {
            slot.note_cause(Some(cause), self.step);
            if slot.is(SOLE_INPUT) || self.queue.is_empty() {
                next = Some(edge.to);
            } else {
                self.queue.push(&mut self.nodes, edge.to);
            }
        }
        if let Some(panic) = panic {
            self.report(to, panic);
        }
        next
    }

    #[cold]
    pub(super) fn report(&mut self, id: Id, panic: Box<dyn Any + Send>) {
        if panic.is::<NoValue>() {
            self.stats.blocked += 1;
            return;
        }
        self.stats.panics += 1;
        if self.stats.panicked.len() < Stats::PANICKED_MAX {
            let message = match panic.downcast_ref::<String>() {
                Some(message) => message.as_str(),
                None => panic.downcast_ref::<&str>().copied().unwrap_or("a panic without a message"),
            };
            let message = message.chars().take(Stats::MESSAGE_CHARS_MAX).collect();
            self.stats.panicked.push((id, message));
        }
    }
}
