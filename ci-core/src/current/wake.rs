//! How what lives outside an engine tells it to look at a node again.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::incr::Id;

/// One engine's list of nodes to look at again. It holds a node once for each reader that has not looked since it was
/// told, so the pipeline bounds it.
#[derive(Clone, Default)]
pub(crate) struct Wake {
    shared: Arc<(Mutex<Vec<Id>>, Notify)>,
}

impl Wake {
    /// Adds a node and wakes the engine.
    pub(crate) fn look_at(&self, node: Id) {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).push(node);
        self.shared.1.notify_one();
    }

    /// Whether it is the same engine's.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns when there is something to take, or at once if there was since the last call. Safe to cancel.
    pub(crate) async fn woken(&self) {
        self.shared.1.notified().await;
    }

    /// Moves what there is into `nodes`.
    pub(crate) fn take(&self, nodes: &mut Vec<Id>) {
        nodes.append(&mut self.shared.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
