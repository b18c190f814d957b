//! Another time or period is told as a mistake.

use std::time::Duration;

use ci_core::current::{PERIOD_MIN, daily, every};
use ci_core::{Current, testing};

use crate::Diary;

fn outcome(timer: Current<u64>) -> String {
    let t = testing::drive(|| timer.ignore());
    t.outcome()
}

#[test]
fn of_a_day() {
    for (hour, minute) in [(0, 0), (23, 59), (23, 0), (0, 59)] {
        assert_eq!(outcome(daily(hour, minute)), "ok", "{hour}:{minute}");
    }
    for (hour, minute, said) in [(24, 0, "24:00"), (0, 60, "00:60"), (25, 0, "25:00"), (7, 99, "07:99")] {
        let told = format!("failed: {said} is no time of day (hint: 00:00 to 23:59)");
        assert_eq!(outcome(daily(hour, minute)), told);
    }
}

#[test]
fn of_a_period() {
    assert_eq!(outcome(every(PERIOD_MIN)), "ok");
    assert_eq!(outcome(every(Duration::from_secs(7 * 24 * 60 * 60))), "ok");
    for period in [PERIOD_MIN - Duration::from_nanos(1), Duration::ZERO, Duration::MAX] {
        let told = format!("failed: {period:?} is no period for a timer (hint: it is at least 1s long)");
        assert_eq!(outcome(every(period)), told);
    }
}

#[test]
fn each_has_its_own() {
    let diary = Diary::default();
    let seen = diary.clone();
    let hours = |hours: u64| every(Duration::from_secs(hours * 3600));
    let _t = testing::drive(move || seen.follow(&hours(1).and(&hours(2)).map(|(one, two)| one / 2 == *two)));
    assert_eq!(diary.news(), ["true"]);
}
