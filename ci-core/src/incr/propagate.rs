//! One step: running what waits, lowest first, and telling those above.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::arena::{CHANGED, COMPUTED, Edge, Outs, QUEUED, RELEASED, SLOTS, SOLE_INPUT, SUSPECT};
use super::compute::Object;
use super::cx::{Cx, NoValue};
use super::graph::{Graph, Unsettled};
use super::id::{Id, NONE};
use super::slow::run_timed;
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
        let before = self.slow.runs;
        self.slow.step_begins(&mut self.nodes);
        // A panic is caught out here, once and not for each node. It ends a node's run, and the step goes on.
        let mut running = None;
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run_queued(&mut running))) {
            match running.take() {
                Some(object) => self.give_up(object, panic),
                None => resume_unwind(panic),
            }
        }
        self.running = NONE;
        self.slow.step_ends(&mut self.nodes);
        while let Some(id) = self.later.pop() {
            self.invalidate(id);
        }
        self.stats.step = self.step;
        self.stats.recomputed = self.slow.runs - before;
        std::mem::take(&mut self.stats)
    }

    fn run_queued(&mut self, running: &mut Option<Box<dyn Object<W>>>) {
        while let Some((index, height)) = self.queue.pop(&mut self.nodes) {
            let slot = &self.nodes[index];
            if slot.is(RELEASED) {
                self.nodes.give_back(index);
            } else if slot.height > height {
                self.queue.push(&mut self.nodes, index);
            } else {
                self.run(index, running);
            }
        }
    }

    /// Runs a node and tells its dependents. A single dependent before which nothing has to run is not queued but
    /// run next. While a node runs, its object is in `running`: there a panic does not reach it.
    fn run(&mut self, mut index: u32, running: &mut Option<Box<dyn Object<W>>>) {
        let mut slot = &mut self.nodes[index];
        loop {
            let me = Id { index, generation: slot.generation };
            self.me = me;
            self.running = slot.height;
            let is_suspect = slot.is(SUSPECT);
            *running = slot.object.take();
            if self.slow.is_due() {
                self.slow.read(&mut self.nodes);
            }
            self.slow.note(index);
            let object = running.as_mut().expect("because a live node that does not run has its object");
            let mut cx = Cx { graph: self };
            let changed = if is_suspect { run_timed(&mut **object, &mut cx) } else { object.run(&mut cx) };

            slot = &mut self.nodes[index];
            slot.object = running.take();
            if !self.unsettled.is_empty() {
                self.settle_scopes(true);
                if !self.nodes.is_live(me) {
                    // It has released the scope that it is in.
                    return;
                }
                slot = &mut self.nodes[index];
            }
            if !changed && slot.is(COMPUTED) {
                slot.flags &= !CHANGED;
                return;
            }
            slot.flags |= COMPUTED | CHANGED;
            self.stats.changed += 1;
            let edge = match &slot.outs {
                Outs::None => return,
                Outs::One(edge) => *edge,
                Outs::Many(_) => return self.tell_many(me),
            };
            let Some(to) = self.nodes.live_mut(edge.target()) else { return };
            if to.flags & (SOLE_INPUT | SLOTS | QUEUED) == SOLE_INPUT {
                slot = to;
            } else {
                self.tell_slot(&edge);
                slot = &mut self.nodes[edge.to];
                if slot.is(QUEUED) {
                    return;
                }
                if !slot.is(SOLE_INPUT) && !self.queue.is_empty() {
                    slot.note_cause(Some(me), self.step);
                    return self.queue.push(&mut self.nodes, edge.to);
                }
            }
            slot.note_cause(Some(me), self.step);
            index = edge.to;
        }
    }

    /// Puts a node back that panicked.
    #[cold]
    fn give_up(&mut self, object: Box<dyn Object<W>>, panic: Box<dyn Any + Send>) {
        let me = self.me;
        let slot = &mut self.nodes[me.index];
        slot.object = Some(object);
        slot.flags &= !CHANGED;
        self.settle_scopes(false);
        self.report(me, panic);
    }

    /// Does the releases that waited for the end of a run. After a panic, all is as if the node had not run: what it
    /// opened goes, what it wanted released stays.
    #[inline(never)]
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
                continue;
            }
            self.tell_slot(edge);
            let slot = &mut self.nodes[edge.to];
            if !slot.is(QUEUED) {
                slot.note_cause(Some(me), self.step);
                self.queue.push(&mut self.nodes, edge.to);
            }
        }
        if dead > fan.edges.len() / 2 {
            fan.edges.retain(|edge| self.nodes.leads(edge));
        }
        self.nodes[me.index].outs = Outs::Many(fan);
    }

    /// Tells a live dependent which input changed, if it wants to hear that.
    fn tell_slot(&mut self, edge: &Edge) {
        let slot = &mut self.nodes[edge.to];
        if slot.is(SLOTS)
            && let Some(object) = &mut slot.object
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| object.slot_changed(edge.slot)))
        {
            self.report(edge.target(), panic);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_counts_the_nodes_that_ran_and_those_that_came_out_different() {
        let mut graph = Graph::new(());
        let input = graph.var(1);
        let half = graph.map(input, |n| n / 2);
        let ends = [graph.map(half, |n| *n), graph.map(half, |n| n + 1)];
        let first = graph.propagate();
        assert_eq!((first.step, first.recomputed, first.changed), (1, 4, 4));
        graph.set(input, 4);
        let second = graph.propagate();
        assert_eq!((second.step, second.recomputed, second.changed), (2, 4, 4));
        graph.set(input, 5);
        let third = graph.propagate();
        assert_eq!((third.step, third.recomputed, third.changed), (3, 2, 1));
        assert_eq!(ends.map(|end| graph.get(end).copied()), [Some(2), Some(3)]);
    }

    #[test]
    fn who_tells_many_lets_go_of_the_dead_when_they_are_the_most() {
        let mut graph = Graph::new(());
        let input = graph.var(0);
        let scopes: Vec<_> = (0..4).map(|_| graph.new_scope()).collect();
        for scope in &scopes {
            graph.in_scope(*scope, |graph| graph.map(input, |n| *n));
        }
        graph.propagate();
        let told = |graph: &mut Graph<()>| {
            let next = graph.get(input).copied().unwrap_or_default() + 1;
            graph.set(input, next);
            let step = graph.propagate();
            (step.recomputed, graph.nodes[input.id().index].outs.edges().len())
        };
        graph.release_scope(scopes[0]);
        graph.release_scope(scopes[1]);
        assert_eq!(told(&mut graph), (3, 4), "half of them are");
        graph.release_scope(scopes[2]);
        assert_eq!(told(&mut graph), (2, 1));
    }
}
