//! What a budget does not cover.

use std::time::Duration;

use crate::settings::Budget;

/// Something that nothing needs now, and that can be made again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Idle<T> {
    pub(super) what: T,
    pub(super) bytes: u64,
    /// When it was of use last, Unix milliseconds.
    pub(super) used_at_ms: u64,
}

/// Those that go, newest first, each with why.
pub(super) fn spent<T>(mut all: Vec<Idle<T>>, budget: Budget, now_ms: u64) -> Vec<(Idle<T>, &'static str)> {
    all.sort_by_key(|idle| std::cmp::Reverse(idle.used_at_ms));
    let (mut total, mut gone) = (0_u64, Vec::new());
    for idle in all {
        let age = Duration::from_millis(now_ms.saturating_sub(idle.used_at_ms));
        let with_it = total.saturating_add(idle.bytes);
        let why = match () {
            () if age <= Budget::RECENT => None,
            () if age > budget.age => Some("unused for too long"),
            () if with_it > budget.bytes => Some("the newer ones take all the room that there is for such"),
            () => None,
        };
        match why {
            Some(why) => gone.push((idle, why)),
            None => total = with_it,
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    const NOW_MS: u64 = 20_000 * DAY_MS;

    fn gone(days: &[u64], budget: Budget) -> Vec<u64> {
        let idle =
            |days: &u64| Idle { what: *days, bytes: 10, used_at_ms: NOW_MS.saturating_sub(days * DAY_MS) };
        spent(days.iter().map(idle).collect(), budget, NOW_MS)
            .into_iter()
            .map(|(idle, _)| idle.what)
            .collect()
    }

    #[test]
    fn the_oldest_go_and_what_is_recent_stays() {
        let age = |days: u32| Duration::from_secs(24 * 60 * 60) * days;
        let all = [9, 1, 3, 5, 0, 7];
        let endless = Budget { age: Duration::MAX, bytes: u64::MAX };
        assert_eq!(gone(&all, endless), [0; 0]);
        assert_eq!(gone(&all, Budget { age: age(5), ..endless }), [7, 9]);
        assert_eq!(gone(&all, Budget { bytes: 45, ..endless }), [7, 9]);
        assert_eq!(gone(&all, Budget { age: age(0), bytes: 0 }), [3, 5, 7, 9], "of a day and less none goes");
    }

    #[test]
    fn what_is_of_the_future_stays() {
        let idle = Idle { what: (), bytes: 10, used_at_ms: NOW_MS + DAY_MS };
        assert_eq!(spent(vec![idle], Budget { age: Duration::ZERO, bytes: 0 }, NOW_MS), []);
    }
}
