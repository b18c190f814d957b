//! A named number of slots, so that not everything runs at once.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots shared by the operations that use them. Waiters are served in order of arrival, and one that is dropped
/// (a cancelled job) leaves at once. Cheap to clone; clones share the slots.
#[derive(Clone)]
pub struct Pool {
    name: Arc<str>,
    slots: Arc<Semaphore>,
    size: usize,
}

/// One slot of a [`Pool`], given back when dropped.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Pool {
    /// A pool of `size` slots, at least one. The name is for people: `builds`.
    pub fn new(name: impl Into<Arc<str>>, size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Self { name: name.into(), slots: Arc::new(Semaphore::new(size)), size }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many slots there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// A slot, if one is free now.
    pub fn try_acquire(&self) -> Option<Slot> {
        self.slots.clone().try_acquire_owned().ok().map(Slot)
    }

    /// Waits for a slot.
    pub async fn acquire(&self) -> Slot {
        let permit = self.slots.clone().acquire_owned().await;
        Slot(permit.expect("because the semaphore is never closed"))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({}: {} of {} free)", self.name, self.slots.available_permits(), self.size)
    }
}
