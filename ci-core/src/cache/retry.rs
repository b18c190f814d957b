//! When a failed attempt is followed by another.

use std::time::Duration;

use crate::error::FailureKind;
use crate::pace::Pace;

/// How often a transient failure is tried in all.
pub const ATTEMPTS_MAX: u32 = 5;
/// See [`Pace::retry_min`].
pub const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
/// See [`Pace::retry_max`].
pub const RETRY_DELAY_MAX: Duration = Duration::from_secs(60);

/// The pause before the next attempt, or `None` when there is none. `transients` of the attempts failed in a transient
/// way: what the machinery did to the others is not counted, or one more stumble after an outage would be the last.
pub(super) fn delay(pace: &Pace, kind: FailureKind, attempt: u32, transients: u32) -> Option<Duration> {
    let bounded = kind == FailureKind::Transient && transients >= ATTEMPTS_MAX;
    (kind.is_retried() && !bounded).then(|| pause(pace, attempt, jitter(pace)))
}

/// The pause before a value is renewed again, or `None` when that is not. As long as it is to be valid for a time, that is
/// tried without end: what is for good ever more seldom, but not more seldom than it would be renewed anyway.
pub(super) fn renewal(
    pace: &Pace,
    kind: FailureKind,
    attempt: u32,
    transients: u32,
    valid_for: Option<Duration>,
) -> Option<Duration> {
    let Some(valid_for) = valid_for else { return delay(pace, kind, attempt, transients) };
    match kind {
        FailureKind::Transient | FailureKind::Infrastructure => Some(endless(pace, attempt).min(valid_for)),
        FailureKind::Cancelled => None,
        FailureKind::Permanent | FailureKind::Superseded | FailureKind::Skipped => {
            Some(pause(&Pace { retry_max: valid_for, ..*pace }, attempt, jitter(pace)))
        }
    }
}

/// The pause before one looks again how an attempt ends of which nobody knows: without end, since it must be known.
pub(super) fn endless(pace: &Pace, attempt: u32) -> Duration {
    pause(pace, attempt, jitter(pace))
}

/// `jitter` is in `0.0..=1.0`.
fn pause(pace: &Pace, attempt: u32, jitter: f64) -> Duration {
    let pause = pace.retry_min.saturating_mul(1 << attempt.saturating_sub(1).min(24)).min(pace.retry_max);
    pause.mul_f64(0.5 + jitter / 2.0)
}

fn jitter(pace: &Pace) -> f64 {
    if pace.exact { 1.0 } else { f64::from(super::nonce()) / f64::from(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_are_never_less_than_half() {
        let seconds = |attempt, jitter| pause(&Pace::default(), attempt, jitter).as_secs_f64();
        assert_eq!([1, 2, 3, 4].map(|attempt| seconds(attempt, 1.0)), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!(seconds(1, 0.0), 0.5);
        assert_eq!(seconds(1000, 1.0), 60.0);
    }

    #[test]
    fn transient_failures_are_tried_a_bounded_number_of_times_those_of_the_machinery_without_end() {
        let again = |kind, attempt, transients| delay(&Pace::default(), kind, attempt, transients).is_some();
        assert!(again(FailureKind::Transient, ATTEMPTS_MAX - 1, ATTEMPTS_MAX - 1));
        assert!(!again(FailureKind::Transient, ATTEMPTS_MAX, ATTEMPTS_MAX));
        assert!(again(FailureKind::Transient, 1_000_000, 1), "an outage came before it");
        assert!(again(FailureKind::Infrastructure, 1_000_000, 1_000_000));
        for kind in
            [FailureKind::Permanent, FailureKind::Cancelled, FailureKind::Superseded, FailureKind::Skipped]
        {
            assert!(!again(kind, 1, 0), "{kind} is never retried");
        }
    }

    #[test]
    fn a_renewal_is_tried_without_end_as_long_as_somebody_wants_it_fresh() {
        let pace = Pace { exact: true, ..Pace::default() };
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        let again =
            |kind, attempt, valid_for| renewal(&pace, kind, attempt, attempt, valid_for).map(|p| p.as_secs());
        assert_eq!(again(FailureKind::Transient, 1_000, Some(week)), Some(60));
        assert_eq!(again(FailureKind::Infrastructure, 1_000, Some(Duration::from_secs(5))), Some(5));
        let seldom = [1, 2, 10, 1_000].map(|attempt| again(FailureKind::Permanent, attempt, Some(week)));
        assert_eq!(seldom, [Some(1), Some(2), Some(512), Some(week.as_secs())]);
        assert_eq!(again(FailureKind::Cancelled, 1, Some(week)), None, "that was a no");
        assert_eq!(again(FailureKind::Permanent, 1, None), None, "a rebuild that fails is over");
    }
}
