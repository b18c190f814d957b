//! The level at and above which jobs wait for a person.

use std::sync::Arc;

use tokio::sync::watch;

use crate::level::Level;

/// The confirmation level in force. Clones share it; it can be changed while jobs wait.
#[derive(Clone, Debug)]
pub struct Guard(Arc<watch::Sender<Option<Level>>>);

impl Guard {
    /// Jobs at or above `confirm` wait; with `None` nothing does.
    pub fn new(confirm: Option<Level>) -> Self {
        Self(Arc::new(watch::Sender::new(confirm)))
    }

    /// The level in force.
    pub fn get(&self) -> Option<Level> {
        *self.0.borrow()
    }

    /// The level in force, now and whenever it is set.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Level>> {
        self.0.subscribe()
    }

    /// Changes it. Jobs that it no longer holds go on.
    pub fn set(&self, confirm: Option<Level>) {
        self.0.send_replace(confirm);
    }

    /// Whether a job at `level` has to wait now.
    pub fn holds(&self, level: Level) -> bool {
        self.get().is_some_and(|confirm| confirm <= level)
    }

    /// Waits until a job at `level` may go on. Tells the level that is in force then.
    pub async fn lets_through(&self, level: Level) -> Option<Level> {
        let mut changes = self.0.subscribe();
        let free = changes.wait_for(|confirm| confirm.is_none_or(|confirm| level < confirm)).await;
        *free.expect("because the sender lives in `self`")
    }
}
