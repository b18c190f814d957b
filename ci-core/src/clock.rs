//! The one place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time, milliseconds since the Unix epoch, UTC. For records and people; never for waiting, which
/// goes by tokio's monotonic clock.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
