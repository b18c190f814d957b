//! Server-sent events: a task sends, a browser reads, and neither waits for the other for ever.
//!
//! A reader that is slow holds up its own task only, by a bounded queue; one that takes nothing for [`SLOW_AFTER`] is
//! dropped. The browser connects again by itself and says where it was (`Last-Event-ID`), or does nothing any more.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// How many streams there are at once.
const STREAMS_MAX: usize = 256;
/// How many events a reader may be behind before its task waits.
const QUEUE_MAX: usize = 8;
/// How long a reader may take nothing.
pub(crate) const SLOW_AFTER: Duration = Duration::from_secs(30);
/// How often something is said on a silent stream, so that both ends know that the other is there.
const PING_EVERY: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Counts the streams there are.
pub(crate) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// The sending end.
pub(crate) struct Sender(mpsc::Sender<Event>);

/// The reader is gone, or as good as gone.
pub(crate) struct Gone;

impl Sender {
    pub(crate) async fn send(&self, event: Event) -> Result<(), Gone> {
        self.0.send_timeout(event, SLOW_AFTER).await.map_err(|_| Gone)
    }
}

/// The task ends with the answer that it feeds.
struct Owned(JoinHandle<()>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Streams {
    /// An answer that is fed by `task` until it ends.
    pub(crate) fn answer<F>(&self, task: impl FnOnce(Sender) -> F) -> Response
    where
        F: Future<Output = Result<(), Gone>> + Send + 'static,
    {
        let Ok(permit) = self.0.clone().try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.\n").into_response();
        };
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        // Told first, so that a browser that loses us at once knows it.
        let hello = Event::default().retry(RECONNECT_AFTER).comment("hello");
        let task = task(Sender(sender.clone()));
        let task = Owned(tokio::spawn(async move {
            if sender.send(hello).await.is_ok() {
                drop(sender);
                // Gone or done: the stream ends either way.
                let _ = task.await;
            }
        }));
        let events = stream::unfold((receiver, task, permit), async |(mut receiver, task, permit)| {
            let event = receiver.recv().await?;
            Some((Ok::<_, Infallible>(event), (receiver, task, permit)))
        });
        let events = Sse::new(events).keep_alive(KeepAlive::new().interval(PING_EVERY));
        // Proxies that gather answers must not gather this one.
        ([("x-accel-buffering", "no")], events).into_response()
    }
}

/// Where the browser was when it lost us.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok().filter(|id| !id.is_empty())
}

/// An event with this name and text.
pub(crate) fn event(name: &str, text: &str) -> Event {
    // Browsers pass over an event without data.
    let text = if text.is_empty() { " " } else { text };
    // A carriage return would end a line of the stream.
    Event::default().event(name).data(text.replace('\r', ""))
}
