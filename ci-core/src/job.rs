//! One attempt at one operation, as the operation sees it.
//!
//! *queued → waiting for confirmation → waiting for a slot → running → finished.* The cache moves a job through
//! these; the operation is called when it is running, and gets a [`Job`]: a log to write to, a way to hear that it
//! was cancelled, and a way to note down, durably, where on the outside its work can be found again.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;

pub use self::cancel::Cancel;
pub use self::log::{Log, LogReader, LogText, Place};
pub use self::scratch::Scratch;
use crate::error::OpError;
use crate::ids::JobId;

mod cancel;
mod log;
mod scratch;

/// The running attempt. Cheap to clone; clones speak of the same attempt.
#[derive(Clone)]
pub struct Job {
    id: JobId,
    log: Log,
    cancel: Cancel,
    notes: Arc<dyn HandleSink>,
    attempt: u32,
    epoch: u64,
}

/// Where a job's external handle is written down. The cache gives one that appends to the journal.
pub trait HandleSink: Send + Sync + 'static {
    /// Returns when `handle` is durable.
    fn record(&self, job: &JobId, handle: serde_json::Value) -> BoxFuture<'_, Result<(), OpError>>;
}

impl Job {
    /// A job with these parts. Operations are handed theirs; tests of an operation make one.
    pub fn new(id: JobId, log: Log, cancel: Cancel, notes: Arc<dyn HandleSink>) -> Self {
        Self { id, log, cancel, notes, attempt: 1, epoch: 0 }
    }

    /// Says which attempt it is, and of which process.
    #[must_use]
    pub fn numbered(self, attempt: u32, epoch: u64) -> Self {
        Self { attempt, epoch, ..self }
    }

    /// 1 for the first try of its operation, then one more each time.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Of the process that runs it: see [`crate::store::Store::epoch`].
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Its name, and its log's.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Where its output goes.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Says something to the reader of the log, on a line of its own, marked with the time.
    pub fn say(&self, line: impl fmt::Display) {
        self.log.line(line);
    }

    /// Adds output exactly as it came, but for secrets: see [`Log::write`].
    pub fn write(&self, bytes: &[u8]) {
        self.log.write(bytes);
    }

    /// How the job hears that it is to stop.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Runs `work` until it ends or the job is cancelled; then it is dropped, and the failure says who and why.
    ///
    /// # Errors
    ///
    /// Those of `work`, or [`crate::FailureKind::Cancelled`] or [`crate::FailureKind::Superseded`].
    pub async fn cancellable<T>(&self, work: impl Future<Output = Result<T, OpError>>) -> Result<T, OpError> {
        tokio::select! {
            biased;
            error = self.cancel.requested() => Err(error),
            result = work => result,
        }
    }

    /// Notes where the work can be found on the outside (a container id, a service's version), so that it can be
    /// found again after a crash. Returns when the note is durable. The newest note wins; nothing (`&()`) takes back what
    /// was noted: the world is as it was before, and the work may begin anew.
    ///
    /// # Errors
    ///
    /// [`crate::FailureKind::Infrastructure`] when the journal can't be written.
    pub async fn note(&self, handle: &impl Serialize) -> Result<(), OpError> {
        let handle = serde_json::to_value(handle)
            .map_err(|e| OpError::permanent("the handle can't be written as JSON").with_source(e))?;
        self.notes.record(&self.id, handle).await
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).finish_non_exhaustive()
    }
}
