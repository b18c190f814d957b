//! Asking a job to stop, once, with a reason.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{FailureKind, OpError};

/// A request to stop, shared by a job and those who may stop it. Only the first request counts.
#[derive(Clone, Debug)]
pub struct Cancel {
    reason: Arc<watch::Sender<Option<(FailureKind, String)>>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// Not requested yet.
    pub fn new() -> Self {
        Self { reason: Arc::new(watch::Sender::new(None)) }
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
        self.reason.send_if_modified(|reason| {
            let first = reason.is_none();
            if first {
                *reason = Some((kind, why));
            }
            first
        });
    }

    /// Whether it was asked to stop, and the failure that says so.
    pub fn is_requested(&self) -> Option<OpError> {
        self.reason.borrow().as_ref().map(|(kind, why)| OpError::new(*kind, format!("{kind}: {why}")))
    }

    /// Waits until it is asked to stop.
    pub async fn requested(&self) -> OpError {
        let mut reason = self.reason.subscribe();
        loop {
            if let Some(error) = self.is_requested() {
                return error;
            }
            if reason.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
