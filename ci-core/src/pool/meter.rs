//! How much a pool was used, and how long was waited for it.

use std::time::Duration;

/// See [`Pool::meter`](super::Pool::meter).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meter {
    /// Slots there are.
    pub capacity: usize,
    /// Slots that jobs have now.
    pub in_use: usize,
    /// Jobs that wait now.
    pub waiting: usize,
    /// How long jobs waited that got theirs.
    pub wait: Summary,
    /// How long those that gave theirs back had it.
    pub usage: Summary,
}

/// Of some times: how many, and how long all together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// All together.
    pub sum: Duration,
}

impl Summary {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
    }
}

impl Meter {
    pub(super) fn waited(&mut self, time: Duration) {
        self.wait.add(time);
    }

    pub(super) fn used(&mut self, time: Duration) {
        self.usage.add(time);
    }
}
