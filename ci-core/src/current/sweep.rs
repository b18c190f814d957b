//! When to look for those that are gone, among many that come one by one and do not say when they go.

/// So there are at most twice as many as were ever there together, and some; and however many come and go, each is looked
/// at a few times.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    due_at: usize,
}

impl Sweep {
    /// Fewer are not worth a look.
    pub(super) const MIN: usize = 64;

    /// Whether it is time, when there are so many.
    pub(super) fn is_due(&self, count: usize) -> bool {
        self.due_at <= count
    }

    /// So many are left.
    pub(super) fn leaves(&mut self, count: usize) {
        self.due_at = (2 * count).max(Self::MIN);
    }
}
