//! What a step did, and why a node ran.

use std::time::Duration;

use super::id::Id;

/// What one call of [`Graph::propagate`](super::Graph::propagate) did. Counts that are not of nodes that ran include
/// what happened since the call before.
#[derive(Debug, Default)]
pub struct Stats {
    /// The number of this step; the first is 1.
    pub step: u64,
    /// Nodes that ran.
    pub recomputed: u64,
    /// Nodes that ran and came out different.
    pub changed: u64,
    /// Nodes whose height was raised, because something taller than ever before was put below them. Each costs as
    /// much as a run; many in each step mean a graph whose depth never settles.
    pub raised: u64,
    /// Nodes released.
    pub released: u64,
    /// Nodes that panicked, whether listed or not.
    pub panics: u64,
    /// Nodes that could not run because an input panicked before it ever had a value.
    pub blocked: u64,
    /// The first [`Stats::PANICKED_MAX`] of them and their messages.
    pub panicked: Vec<(Id, String)>,
    /// Nodes that ran for [`Stats::SLOW`] or longer by the clock on the wall, and how long, as far as they were timed:
    /// one that is always slow is named from its second run on, at times from its third. At most [`Stats::SLOW_MAX`].
    pub slow: Vec<(Id, Duration)>,
}

impl Stats {
    /// How many panics are listed.
    pub const PANICKED_MAX: usize = 64;
    /// How much of a panic's message is kept, in characters.
    pub const MESSAGE_CHARS_MAX: usize = 500;
    /// How long a run takes that is called slow.
    pub const SLOW: Duration = Duration::from_millis(1);
    /// How many slow nodes are named.
    pub const SLOW_MAX: usize = 64;
}

/// Why a node ran last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// The first input whose change reached it in that step. `None`: it was new, was set or invalidated from
    /// outside, or that input is gone.
    pub input: Option<Id>,
    /// The step it ran in, or will run in if it still waits. Steps more than 2³² ago are taken for newer ones.
    pub step: u64,
    /// Whether that run changed its value: if not, the value is older than the step.
    pub changed: bool,
}
