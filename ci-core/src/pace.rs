//! How long the engine waits before it tries again, or gives up waiting.

use std::time::Duration;

/// The engine's pauses. The default is what a program uses; a test has no time to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause before an operation's second attempt; it doubles each time. The true pause is between half of it and
    /// all of it, by chance, unless it is `exact`.
    pub retry_min: Duration,
    /// The longest pause between attempts.
    pub retry_max: Duration,
    /// The pause after a monitor's first failed read; it doubles each time.
    pub read_retry_min: Duration,
    /// The longest pause between failed reads.
    pub read_retry_max: Duration,
    /// How long a monitor may read again what it has a value of, before people are told that it does.
    pub refresh_told: Duration,
    /// How long a builder that was asked to stop may take to do so in its own way. Then it is dropped, and what it
    /// left outside is removed.
    pub cancel_grace: Duration,
    /// How long a failure waits for what the log rules make of its log, be it for the turn of that. Then it is told as the
    /// operation told it.
    pub log_rules: Duration,
    /// Leaves nothing to chance.
    pub exact: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry_min: crate::cache::RETRY_DELAY_MIN,
            retry_max: crate::cache::RETRY_DELAY_MAX,
            read_retry_min: crate::monitor::READ_RETRY_DELAY_MIN,
            read_retry_max: crate::monitor::READ_RETRY_DELAY_MAX,
            refresh_told: crate::monitor::REFRESH_TOLD,
            cancel_grace: crate::cache::CANCEL_GRACE,
            log_rules: crate::log_rules::READING_TIMEOUT,
            exact: false,
        }
    }
}
