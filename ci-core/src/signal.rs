//! A value that changes now and then, and those who wait for it.
//!
//! As [`tokio::sync::watch`], in a sixth of its memory: each job has several, and a hundred thousand jobs may wait. Who waits
//! sees the newest value, not each.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Signal<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Signal<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    /// The value as it is now. Nobody can change it meanwhile: look quickly.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value())
    }

    /// Changes the value, and wakes those who wait.
    pub(crate) fn update(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.value());
        self.changed.notify_waiters();
    }

    /// Waits until the value is as `look` wants it: then it gives something. It is asked again after each change. Safe to
    /// cancel.
    pub(crate) async fn wait_for<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(seen) = look(&mut self.value()) {
                return seen;
            }
            changed.await;
        }
    }

    fn value(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(90);

    #[tokio::test(flavor = "multi_thread")]
    async fn no_change_is_missed_however_many_wait() {
        let signal = Arc::new(Signal::new(0));
        let waits = (1..=100).map(|wanted| {
            let signal = signal.clone();
            tokio::spawn(async move { signal.wait_for(|now| (wanted <= *now).then_some(*now)).await })
        });
        let waits: Vec<_> = waits.collect();
        for _ in 0..100 {
            signal.update(|value| *value += 1);
            tokio::task::yield_now().await;
        }
        for (wait, wanted) in waits.into_iter().zip(1..) {
            let seen = tokio::time::timeout(PATIENCE, wait).await.expect("it is woken").unwrap();
            assert!((wanted..=100).contains(&seen), "{seen} for {wanted}");
        }
    }

    #[tokio::test]
    async fn what_is_so_already_is_not_waited_for_and_may_be_taken() {
        let signal = Signal::new(Some(1));
        assert_eq!(signal.wait_for(Option::take).await, 1);
        assert!(signal.look(Option::is_none));
        let next =
            tokio::join!(signal.wait_for(Option::take), async { signal.update(|value| *value = Some(2)) });
        assert_eq!(next.0, 2);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Signal<bool>>() <= 48, "{}", size_of::<Signal<bool>>());
    }
}
