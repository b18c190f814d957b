//! A runtime on the caller's thread, whose clock stands unless it is turned.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::store::Store;

/// Runs tasks until none of them can do anything more, or until it is a given time later. The only thread that they
/// wait for beside this one is the journal's: it is waited for.
pub(super) struct Clockwork {
    runtime: Runtime,
    shared: Arc<Shared>,
    began: Instant,
}

#[derive(Default)]
struct Shared {
    store: Mutex<Option<Store>>,
    /// See [`Store::rest`].
    rests: AtomicU64,
    /// The clock goes to the next timer when no task can do anything.
    turning: AtomicBool,
    /// Nothing more happens before the clock is turned.
    still: Notify,
    /// Something may happen yet.
    stirred: Notify,
}

impl Shared {
    /// Called when no task is ready.
    fn park(&self) {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = store.as_ref().map_or(0, Store::rest);
        if self.rests.swap(rests, Ordering::Relaxed) != rests {
            self.stirred.notify_one();
        } else if !self.turning.load(Ordering::Relaxed) {
            self.still.notify_one();
        }
    }

    async fn still(&self) {
        loop {
            tokio::select! {
                biased;
                () = self.still.notified() => return,
                () = self.stirred.notified() => {}
            }
        }
    }

    async fn turned<T>(&self, until: impl Future<Output = T>) -> T {
        self.turning.store(true, Ordering::Relaxed);
        tokio::pin!(until);
        let reached = loop {
            tokio::select! {
                biased;
                reached = &mut until => break reached,
                () = self.stirred.notified() => {}
            }
        };
        self.turning.store(false, Ordering::Relaxed);
        reached
    }
}

impl Clockwork {
    pub(super) fn new() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let parked = shared.clone();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .on_thread_park(move || parked.park())
            .build()?;
        let began = {
            let _inside = runtime.enter();
            Instant::now()
        };
        Ok(Self { runtime, shared, began })
    }

    /// What it shows, when it showed `at_first_ms` when it was made.
    pub(super) fn clock(&self, at_first_ms: u64) -> Clock {
        let began = self.began;
        Clock::new(move || at_first_ms + began.elapsed().as_millis() as u64)
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Whose records are waited for.
    pub(super) fn watch(&self, store: Option<Store>) {
        *self.shared.store.lock().unwrap_or_else(PoisonError::into_inner) = store;
    }

    /// Runs until nothing more happens.
    pub(super) fn settle(&self) {
        self.runtime.block_on(self.shared.still());
    }

    /// Runs until nothing more happens, and `work` is done.
    pub(super) fn settle_with<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.runtime.block_on(async {
            let task = tokio::spawn(work);
            self.shared.still().await;
            if !task.is_finished() {
                // It waits for something that ends by the clock.
                self.shared
                    .turned(async {
                        while !task.is_finished() {
                            tokio::time::sleep(Self::TICK).await
                        }
                    })
                    .await;
                self.shared.still().await;
            }
            task.await.ok()
        })
    }

    const TICK: Duration = Duration::from_secs(1);

    /// Runs until it is `by` later, timer by timer, and nothing more happens.
    pub(super) fn turn(&self, by: Duration) {
        self.runtime.block_on(async {
            self.shared.still().await;
            self.shared.turned(tokio::time::sleep(by)).await;
            self.shared.still().await;
        });
    }
}
