//! Values that change with the time of day.
//!
//! A timer's value is the number of the period that it is in, counted from the Unix epoch: it goes by the calendar, not
//! by when the engine was started. So a restart moves nothing, and what is done once in each period is done once in it,
//! whoever runs it: if it was missed while nothing ran, then at the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Current, fail, monitor_with};
use crate::bindings::DEFAULT;
use crate::clock::{Clock, LOOK_AGAIN};
use crate::error::OpError;
use crate::monitor::{Monitor, Watch};

/// The shortest period of [`every`].
pub const PERIOD_MIN: Duration = Duration::from_secs(1);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The number of the period that it is in, counted from the Unix epoch. Part of what an operation is asked, it lets the
/// operation run once in each period.
///
/// Periods go by the calendar: of an hour, each begins with a full hour; of a day, at midnight UTC; of seven days, on
/// Thursdays. The first may be as short as it happens to be, and after a restart it is the same one. If the clock is set
/// back, the value stays until its time has come again. What is missed while nothing runs is one period, the newest.
///
/// The period is cut to whole milliseconds. One shorter than [`PERIOD_MIN`] fails.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use std::time::Duration;
///
/// use ci_core::current::every;
///
/// let week = every(Duration::from_secs(7 * 24 * 60 * 60));
/// assert!(value_of(week).is_ok_and(|week| 2900 < week), "it is later than 1st August 2025");
/// ```
pub fn every(period: Duration) -> Current<u64> {
    match u64::try_from(period.as_millis()) {
        Ok(period_ms) if PERIOD_MIN <= period => timer(format!("every {}", said(period)), period_ms, 0),
        _ => fail(
            OpError::permanent(format!("{period:?} is no period for a timer"))
                .with_hint(format!("it is at least {PERIOD_MIN:?} long")),
        ),
    }
}

/// The number of the day that began last, counted from the Unix epoch, where each day begins at this time of day, UTC.
/// See [`every`]; a nightly build is one that asks for this.
///
/// A time that no clock shows fails.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::{constant, daily};
///
/// let source = constant("site");
/// let nightly = source.and(&daily(3, 30)).map(|(source, day)| format!("build of {source}, day {day}"));
/// assert!(value_of(nightly).is_ok());
/// assert_eq!(value_of(daily(24, 0)), Err("failed: 24:00 is no time of day (hint: 00:00 to 23:59)".to_owned()));
/// ```
pub fn daily(hour: u32, minute: u32) -> Current<u64> {
    if 23 < hour || 59 < minute {
        let wrong = format!("{hour:02}:{minute:02} is no time of day");
        return fail(OpError::permanent(wrong).with_hint("00:00 to 23:59"));
    }
    let begins_ms = u64::from(hour * 60 + minute) * 60 * 1000;
    timer(format!("daily at {hour:02}:{minute:02} UTC"), DAY_MS, begins_ms)
}

fn timer(label: String, period_ms: u64, begins_ms: u64) -> Current<u64> {
    let called = label.clone();
    monitor_with(called, move |bindings| {
        let periods = Periods { clock: bindings.get(DEFAULT)?, period_ms, begins_ms, newest: Arc::default() };
        Ok(Timer { label: label.clone(), periods })
    })
}

/// A period as people say it: `90s`, `1h`, `7d`.
fn said(period: Duration) -> String {
    let units = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')];
    let whole = |(seconds, _): &(u64, char)| period.as_secs().is_multiple_of(*seconds);
    match units.into_iter().find(whole) {
        Some((seconds, unit)) if period.subsec_nanos() == 0 => {
            format!("{}{unit}", period.as_secs() / seconds)
        }
        _ => format!("{period:?}"),
    }
}

struct Timer {
    label: String,
    periods: Periods,
}

/// One after the other, since the Unix epoch.
#[derive(Clone)]
struct Periods {
    clock: Clock,
    period_ms: u64,
    /// When the one of number 0 began, Unix milliseconds.
    begins_ms: u64,
    /// The newest that was seen: the clock may be set back.
    newest: Arc<AtomicU64>,
}

impl Periods {
    fn now(&self) -> u64 {
        let now = self.clock.now_ms().saturating_sub(self.begins_ms) / self.period_ms;
        self.newest.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// How long it is to the end of a period. Nothing, if that is over.
    fn until_end_of(&self, period: u64) -> Duration {
        let end = period.saturating_add(1).saturating_mul(self.period_ms).saturating_add(self.begins_ms);
        Duration::from_millis(end.saturating_sub(self.clock.now_ms()))
    }
}

impl Monitor for Timer {
    type Value = u64;
    type Watch = Turn;
    const GOES_BY_THE_CLOCK: bool = true;

    fn label(&self) -> String {
        self.label.clone()
    }

    async fn watch(&self) -> Turn {
        Turn { seen: self.periods.now(), periods: self.periods.clone() }
    }

    async fn read(&self) -> Result<u64, OpError> {
        Ok(self.periods.now())
    }
}

/// The turn of one period to the next.
struct Turn {
    periods: Periods,
    seen: u64,
}

impl Watch for Turn {
    async fn changed(&mut self) {
        loop {
            let now = self.periods.now();
            if self.seen < now {
                self.seen = now;
                return;
            }
            tokio::time::sleep(self.periods.until_end_of(self.seen).min(LOOK_AGAIN)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days of a clock that shows what is put into it, seconds.
    fn days(hour: u64, minute: u64) -> (Arc<AtomicU64>, Periods) {
        let seconds = Arc::new(AtomicU64::new(0));
        let shown = seconds.clone();
        let clock = Clock::new(move || shown.load(Ordering::Relaxed) * 1000);
        let begins_ms = (hour * 60 + minute) * 60 * 1000;
        (seconds, Periods { clock, period_ms: DAY_MS, begins_ms, newest: Arc::default() })
    }

    #[test]
    fn a_day_begins_at_its_time_and_is_over_a_day_later() {
        let (seconds, days) = days(3, 30);
        let of = |day: u64, hour: u64, minute: u64, second: u64| {
            seconds.store(((day * 24 + hour) * 60 + minute) * 60 + second, Ordering::Relaxed);
            (days.now(), days.until_end_of(days.now()).as_secs())
        };
        assert_eq!(of(20_000, 3, 29, 59), (19_999, 1));
        assert_eq!(of(20_000, 3, 30, 0), (20_000, 86_400));
        assert_eq!(of(20_001, 3, 29, 0), (20_000, 60));
        assert_eq!(of(20_001, 3, 30, 0), (20_001, 86_400));
        assert_eq!(of(20_000, 3, 30, 0).0, 20_001, "the clock was set back");
        assert_eq!(of(20_002, 3, 30, 0).0, 20_002);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_is_looked_at_before_the_period_is_over() {
        let (seconds, days) = days(0, 0);
        let mut turn = Turn { seen: 0, periods: days };
        let turned = tokio::spawn(async move { turn.changed().await });
        tokio::time::sleep(LOOK_AGAIN / 2).await;
        assert!(!turned.is_finished());
        seconds.store(86_400, Ordering::Relaxed);
        tokio::time::sleep(LOOK_AGAIN).await;
        assert!(turned.is_finished(), "no need to wait for a day");
    }

    #[test]
    fn periods_are_said_in_the_largest_unit_that_fits() {
        let labels = [(1, "1s"), (90, "90s"), (3600, "1h"), (5400, "90m"), (7 * 86400, "7d")];
        for (seconds, label) in labels {
            assert_eq!(said(Duration::from_secs(seconds)), label);
        }
        assert_eq!(said(Duration::from_millis(60_500)), "60.5s", "two timers of one name would be one");
    }
}
