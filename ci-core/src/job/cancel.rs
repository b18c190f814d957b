//! Asking a job to stop, once, with a reason.

use std::sync::Arc;

use crate::error::{FailureKind, OpError};
use crate::signal::Signal;

/// A request to stop, shared by a job and those who may stop it. Only the first request counts.
#[derive(Clone, Debug)]
pub struct Cancel {
    reason: Arc<Signal<Option<(FailureKind, String)>>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// Not requested yet.
    pub fn new() -> Self {
        Self { reason: Arc::default() }
    }

    /// Asks the job to stop because somebody wants so. `why` completes "cancelled: …".
    pub fn cancel(&self, why: impl Into<String>) {
        self.request(FailureKind::Cancelled, why.into());
    }

    /// Asks the job to stop because nobody wants its result any more.
    pub fn supersede(&self, why: impl Into<String>) {
        self.request(FailureKind::Superseded, why.into());
    }

    fn request(&self, kind: FailureKind, why: String) {
        self.reason.update(|reason| _ = reason.get_or_insert((kind, why)));
    }

    /// Whether it was asked to stop, and the failure that says so.
    pub fn is_requested(&self) -> Option<OpError> {
        self.reason.look(said)
    }

    /// Waits until it is asked to stop.
    pub async fn requested(&self) -> OpError {
        self.reason.wait_for(|reason| said(reason)).await
    }
}

fn said(reason: &Option<(FailureKind, String)>) -> Option<OpError> {
    reason.as_ref().map(|(kind, why)| OpError::new(*kind, format!("{kind}: {why}")))
}
