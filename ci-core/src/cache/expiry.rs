//! How long a result is valid.
//!
//! Who uses it says for how long; of several the shortest counts. It is counted from when the result was there, by the
//! engine's clock, which is on record: so it holds over a restart. Then the result is *renewed*: its operation runs again,
//! and meanwhile it serves. See [`latch`](super::latch).
//!
//! A clock may be set. Nothing is from the future: what seems to be is as old as the look at it. So setting the clock back
//! makes a result valid for longer, but never for more than twice its time; and once renewed, it is valid from then on.

use std::sync::Arc;
use std::time::Duration;

use super::instance::{Finished, Instance};
use super::{Env, News, Owned};
use crate::clock::{Clock, LOOK_AGAIN};
use crate::ids::JobId;

/// Tells when a result's time is over, once.
#[derive(Debug)]
pub(super) struct Expiry {
    of: JobId,
    valid_for: Duration,
    _task: Owned,
}

impl Instance {
    /// How long a result is valid: as long as the least patient of those who want it says.
    pub(super) fn valid_for(&self) -> Option<Duration> {
        self.wishes.iter().filter_map(|wish| wish.valid_for).min()
    }

    /// The result that is there now expires in its time.
    pub(super) fn expire(&mut self, env: &Arc<Env>, generation: u64, result: &Finished) {
        let Some(valid_for) = self.valid_for() else {
            self.expiry = None;
            return;
        };
        if self.expiry.as_ref().is_some_and(|e| e.of == result.job && e.valid_for == valid_for) {
            return;
        }
        let (env, of, found_at_ms) = (env.clone(), result.job.clone(), result.found_at_ms);
        let runtime = env.runtime.clone();
        let task = {
            let of = of.clone();
            runtime.spawn(async move {
                is_over(&env.clock, found_at_ms, valid_for).await;
                env.tell(generation, News::Expired(of)).await;
            })
        };
        self.expiry = Some(Box::new(Expiry { of, valid_for, _task: Owned(task) }));
    }
}

/// Returns when what was so at `since_ms` has been so for `time`.
async fn is_over(clock: &Clock, mut since_ms: u64, time: Duration) {
    loop {
        let now_ms = clock.now_ms();
        since_ms = since_ms.min(now_ms);
        let left = time.saturating_sub(Duration::from_millis(now_ms - since_ms));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::Instant;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// A clock that is so far ahead of, or behind, the time that passes.
    fn clock() -> (Arc<AtomicU64>, Clock) {
        let (began, at_first) = (Instant::now(), Arc::new(AtomicU64::new(1_000_000_000_000)));
        let shown = at_first.clone();
        let clock = move || shown.load(Ordering::Relaxed) + began.elapsed().as_millis() as u64;
        (at_first, Clock::new(clock))
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_is_over_when_it_is_and_at_once_if_it_was() {
        let (_, clock) = clock();
        let (began, found) = (Instant::now(), clock.now_ms());
        is_over(&clock, found, HOUR).await;
        assert_eq!(began.elapsed(), HOUR);
        is_over(&clock, found, HOUR).await;
        is_over(&clock, 0, HOUR).await;
        assert_eq!(began.elapsed(), HOUR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_makes_it_at_most_twice_as_long() {
        let (set, clock) = clock();
        let (began, found) = (Instant::now(), clock.now_ms());
        let over = tokio::spawn(async move { is_over(&clock, found, HOUR).await });
        tokio::time::sleep(HOUR - LOOK_AGAIN / 2).await;
        set.fetch_sub(365 * 24 * HOUR.as_millis() as u64, Ordering::Relaxed);
        over.await.unwrap();
        assert!(began.elapsed() <= 2 * HOUR, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_forward_is_noticed() {
        let (set, clock) = clock();
        let (began, found) = (Instant::now(), clock.now_ms());
        let over = tokio::spawn(async move { is_over(&clock, found, 24 * HOUR).await });
        tokio::time::sleep(HOUR).await;
        set.fetch_add(23 * HOUR.as_millis() as u64, Ordering::Relaxed);
        over.await.unwrap();
        assert!(began.elapsed() <= HOUR + LOOK_AGAIN, "{:?}", began.elapsed());
    }
}
