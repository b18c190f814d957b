//! Which closures are slow, without reading the clock for each node: a reading costs about as much as a run.
//!
//! While steps follow each other closely the clock is read once for [`STRETCH`] runs. If the bound has passed since the
//! reading before, one of the runs in between may have been slow (or nothing ran for a while: that can't be told apart):
//! those runs' nodes become *suspects*, each timed by itself the next few times it runs. So a closure that is slow
//! whenever it runs is named the second time, and each silence costs at most a stretch of timed runs.
//!
//! After a silence the clock is read when each step begins and ends, too, which tells silence from slowness exactly,
//! until [`CLOSE_STEPS`] steps have come without one: where steps are rare a reading is nothing, and where they are many
//! it is not made.

use std::time::{Duration, Instant};

use super::arena::{Arena, SUSPECT};
use super::compute::Object;
use super::cx::Cx;
use super::graph::Graph;
use super::stats::Stats;

/// Runs between readings. A power of two.
const STRETCH: usize = 64;
/// For how many steps after a silence, or a slow run, the clock is read at their ends.
const CLOSE_STEPS: u32 = 16;
/// How often a suspect is timed without being slow, before it is one no longer.
const TRIALS: u8 = 4;

pub(super) type Clock = Box<dyn Fn() -> Instant + Send>;

pub(super) struct Slow {
    clock: Clock,
    /// Who ran last, by the number of the run.
    recent: [u32; STRETCH],
    /// Runs ever.
    pub(super) runs: u64,
    /// The last reading, and the runs until then.
    read_at: Instant,
    read_runs: u64,
    /// How many steps are still read at their ends.
    close_steps: u32,
}

impl Slow {
    pub(super) fn new() -> Self {
        Self::by(Box::new(Instant::now))
    }

    pub(super) fn by(clock: Clock) -> Self {
        let read_at = clock();
        Self { clock, recent: [0; STRETCH], runs: 0, read_at, read_runs: 0, close_steps: CLOSE_STEPS }
    }

    #[inline]
    pub(super) fn step_begins<W>(&mut self, nodes: &mut Arena<W>) {
        if self.close_steps > 0 {
            self.close_steps -= 1;
            self.read(nodes);
        }
    }

    #[inline]
    pub(super) fn step_ends<W>(&mut self, nodes: &mut Arena<W>) {
        if self.close_steps > 0 {
            self.read(nodes);
        }
    }

    /// Whether the clock is to be read before the next run.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.runs.is_multiple_of(STRETCH as u64)
    }

    /// Notes that a node is about to run.
    #[inline]
    pub(super) fn note(&mut self, index: u32) {
        self.recent[self.runs as usize % STRETCH] = index;
        self.runs += 1;
    }

    /// Reads the clock, and suspects who ran since the last time if that is too long ago. They are still noted, since
    /// each stretch ends with a reading. (A place used again since then makes a suspect that will be found innocent.)
    #[cold]
    pub(super) fn read<W>(&mut self, nodes: &mut Arena<W>) {
        let now = (self.clock)();
        if now.saturating_duration_since(self.read_at) >= Stats::SLOW {
            self.close_steps = CLOSE_STEPS;
            for run in self.read_runs..self.runs {
                let slot = &mut nodes[self.recent[run as usize % STRETCH]];
                slot.flags |= SUSPECT;
                slot.trials = TRIALS;
            }
        }
        self.read_at = now;
        self.read_runs = self.runs;
    }
}

impl<W> Graph<W> {
    /// Measures slow nodes by another clock than [`Instant::now`]: by one that a test turns. It must not go back.
    pub fn measure_by(&mut self, clock: impl Fn() -> Instant + Send + 'static) {
        self.slow = Slow::by(Box::new(clock));
    }
}

/// Runs a suspect.
#[cold]
pub(super) fn run_timed<W>(object: &mut dyn Object<W>, cx: &mut Cx<'_, W>) -> bool {
    let began = (cx.graph.slow.clock)();
    let changed = object.run(cx);
    let Graph { slow, stats, nodes, me, .. } = &mut *cx.graph;
    let took: Duration = (slow.clock)().saturating_duration_since(began);
    let slot = &mut nodes[me.index];
    if took >= Stats::SLOW {
        slot.trials = TRIALS;
        if stats.slow.len() < Stats::SLOW_MAX {
            stats.slow.push((*me, took));
        }
    } else {
        slot.trials -= 1;
        if slot.trials == 0 {
            slot.flags &= !SUSPECT;
        }
    }
    changed
}
