//! What waits to be written, in the order in which it was asked for.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::StoreError;
use super::record::Record;

/// How much may wait, bytes of JSON: a disk that hangs must not fill the memory. Far more than a burst of 10,000
/// operations needs.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// What the writer is asked for.
pub(super) enum Request {
    Append {
        record: Box<Record>,
        payload: Vec<u8>,
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
    /// The index of that generation could not be read: make another.
    Heal {
        generation: u64,
        reply: mpsc::Sender<()>,
    },
}

#[derive(Clone, Default)]
pub(super) struct Queue {
    shared: Arc<(Mutex<Waiting>, Condvar)>,
    #[cfg(feature = "testing")]
    rested: Arc<Condvar>,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    bytes: usize,
    closed: bool,
    /// How often some were taken, and whether those are being answered.
    #[cfg(feature = "testing")]
    taken: (u64, bool),
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, request: Request) -> Result<(), StoreError> {
        let bytes = if let Request::Append { payload, .. } = &request { payload.len() } else { 0 };
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(StoreError::Closed);
        }
        if waiting.bytes + bytes > QUEUE_BYTES_MAX {
            return Err(StoreError::Busy);
        }
        waiting.bytes += bytes;
        waiting.requests.push(request);
        drop(waiting);
        self.shared.1.notify_one();
        Ok(())
    }

    /// Takes all that waits, waiting for some, but no longer than that; `None` when it is closed and empty. What was taken
    /// before is answered.
    pub(super) fn take(&self, patience: Option<Duration>) -> Option<Vec<Request>> {
        let mut waiting = self.waiting();
        #[cfg(feature = "testing")]
        {
            waiting.taken.1 = false;
            self.rested.notify_all();
        }
        while waiting.requests.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = match patience {
                None => self.shared.1.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let waited = self.shared.1.wait_timeout(waiting, patience);
                    let (waiting, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() && waiting.requests.is_empty() && !waiting.closed {
                        return Some(Vec::new());
                    }
                    waiting
                }
            };
        }
        waiting.bytes = 0;
        #[cfg(feature = "testing")]
        {
            waiting.taken = (waiting.taken.0 + 1, true);
        }
        Some(std::mem::take(&mut waiting.requests))
    }

    /// Waits until nothing waits and all that was taken is answered. How often some was taken by then.
    #[cfg(feature = "testing")]
    pub(super) fn rest(&self) -> u64 {
        let mut waiting = self.waiting();
        while !waiting.closed && (waiting.taken.1 || !waiting.requests.is_empty()) {
            waiting = self.rested.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.taken.0
    }

    /// Takes no more. What waits is still written.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.shared.1.notify_all();
        #[cfg(feature = "testing")]
        self.rested.notify_all();
    }

    /// [`Queue::close`], and what waits is dropped, which tells those who wait for it.
    pub(super) fn abandon(&self) {
        self.close();
        self.waiting().requests.clear();
    }
}

/// A record on its way to the disk: its sequence number when it is durable and can be asked for.
///
/// It was enqueued when this was made. Dropping this does not take it back.
#[derive(Debug)]
#[must_use = "the record is not durable before this resolves"]
pub struct Append(State);

#[derive(Debug)]
enum State {
    Refused(StoreError),
    Waiting(oneshot::Receiver<Result<u64, StoreError>>),
}

impl Append {
    pub(super) fn refused(error: StoreError) -> Self {
        Self(State::Refused(error))
    }

    pub(super) fn waiting(reply: oneshot::Receiver<Result<u64, StoreError>>) -> Self {
        Self(State::Waiting(reply))
    }

    /// Waits for it on a thread that may block.
    ///
    /// # Errors
    ///
    /// Those of awaiting it.
    ///
    /// # Panics
    ///
    /// On a thread that drives a tokio runtime.
    pub fn wait(self) -> Result<u64, StoreError> {
        match self.0 {
            State::Refused(error) => Err(error),
            State::Waiting(reply) => reply.blocking_recv().unwrap_or(Err(StoreError::Closed)),
        }
    }
}

impl Future for Append {
    type Output = Result<u64, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.clone())),
            State::Waiting(reply) => {
                Poll::Ready(ready!(Pin::new(reply).poll(context)).unwrap_or(Err(StoreError::Closed)))
            }
        }
    }
}
