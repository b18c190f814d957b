//! The one place that asks what time it is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall-clock time, milliseconds since the Unix epoch, UTC. For records and people; never for waiting, which
/// goes by tokio's monotonic clock.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// How late it is noticed that the clock was set, or that the computer slept.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What time it is, for what goes by the calendar: [`every`](crate::current::every) and
/// [`daily`](crate::current::daily), how long results are [valid](crate::Current::valid_for), and when jobs were what they
/// are on record. The system's clock is bound to every engine; a test binds one that it turns.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// use std::time::Duration;
///
/// use ci_core::clock::Clock;
/// use ci_core::current::every;
///
/// let ten_past_three = Clock::new(|| 3 * 60 * 60 * 1000 + 10 * 60 * 1000);
/// let hour = every(Duration::from_secs(60 * 60));
/// assert_eq!(doc::value_on(|engine| engine.with(ten_past_three), hour), Ok(3));
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock on which it is always what `now_ms` says: milliseconds since the Unix epoch, UTC.
    pub fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// Milliseconds since the Unix epoch, UTC. It goes back when somebody sets the clock back.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's.
    fn default() -> Self {
        Self::new(now_ms)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now_ms())
    }
}
