//! Which logs are kept, and in what form.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::InUse;
use super::shelf::Entry;
use crate::ids::JobId;

/// How long logs are kept, and how many. A log goes as soon as one of the bounds is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// A log that is older is packed.
    pub plain: Duration,
    /// A log that is older expires.
    pub age: Duration,
    /// So many logs stay, the newest.
    pub count: u64,
    /// So many bytes stay of all logs together, those of the newest.
    pub bytes: u64,
}

impl Keep {
    /// See [`Keep::plain`].
    pub const PLAIN_DEFAULT: Duration = Duration::from_secs(2 * 24 * 60 * 60);
    /// See [`Keep::age`].
    pub const AGE_DEFAULT: Duration = Duration::from_secs(180 * 24 * 60 * 60);
    /// See [`Keep::count`]: as many jobs are kept.
    pub const COUNT_DEFAULT: u64 = crate::store::Store::JOBS_MAX;
    /// See [`Keep::bytes`].
    pub const BYTES_DEFAULT: u64 = 10 << 30;
    /// No log that was written since then expires, whatever the bounds: somebody may just be looking for why it failed. Its
    /// job may have waited for long before.
    pub const RECENT: Duration = Duration::from_secs(24 * 60 * 60);
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            plain: Self::PLAIN_DEFAULT,
            age: Self::AGE_DEFAULT,
            count: Self::COUNT_DEFAULT,
            bytes: Self::BYTES_DEFAULT,
        }
    }
}

/// What is to be done with a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Whose log it is.
    pub job: JobId,
    /// What it takes on the disk now.
    pub bytes: u64,
    /// `None`: it is packed. Else it goes.
    pub expires: Option<Why>,
}

/// Why a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// See [`Keep::age`].
    Age,
    /// See [`Keep::count`].
    Count,
    /// See [`Keep::bytes`].
    Bytes,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "too old",
            Self::Count => "too many are newer",
            Self::Bytes => "the newer ones take all the room that logs may take",
        })
    }
}

/// What is due of logs that are listed newest first. What goes comes before what is packed: packing needs room.
pub(super) fn due(
    newest_first: impl Iterator<Item = Entry>,
    keep: &Keep,
    in_use: &InUse,
    now_ms: u64,
) -> Vec<Due> {
    let (mut count, mut total, mut all) = (0_u64, 0_u64, Vec::new());
    for Entry { job, bytes, is_packed, written_ms } in newest_first {
        // Of a job that has no time, or one to come, nothing is known.
        let since = |ms: u64| Duration::from_millis(now_ms.saturating_sub(ms));
        let age = since(job.at_ms().unwrap_or(u64::MAX));
        let is_recent = age.min(since(written_ms)) <= Keep::RECENT;
        let beyond = [
            (age > keep.age, Why::Age),
            (count >= keep.count, Why::Count),
            (total.saturating_add(bytes) > keep.bytes, Why::Bytes),
        ];
        let why = beyond.into_iter().find_map(|(is_beyond, why)| is_beyond.then_some(why));
        let expires = why.filter(|_| !is_recent && !in_use.is_read(&job));
        if expires.is_none() {
            count += 1;
            total = total.saturating_add(bytes);
        }
        let is_due = expires.is_some() || (age > keep.plain && !is_packed);
        if is_due && !in_use.is_written(&job) {
            all.push(Due { job, bytes, expires });
        }
    }
    all.sort_by_key(|due| due.expires.is_none());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OpId;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    const NOW_MS: u64 = 20_000 * DAY_MS;

    /// A log of so many days and bytes.
    fn entry(days: u64, bytes: u64) -> Entry {
        let at_ms = NOW_MS - days * DAY_MS;
        let job = JobId::new(OpId::new("build"), at_ms, 0);
        Entry { job, bytes, is_packed: false, written_ms: at_ms }
    }

    const ENDLESS: Keep = Keep { plain: Duration::MAX, age: Duration::MAX, count: u64::MAX, bytes: u64::MAX };

    fn days(days: u64) -> Duration {
        Duration::from_millis(days * DAY_MS)
    }

    /// The days of those that are packed, and of those that go.
    fn due_of(entries: &[Entry], keep: Keep, in_use: &InUse) -> (Vec<u64>, Vec<(u64, Why)>) {
        let (mut packed, mut gone) = (Vec::new(), Vec::new());
        for due in due(entries.iter().cloned(), &keep, in_use, NOW_MS) {
            let days = (NOW_MS - due.job.at_ms().unwrap()) / DAY_MS;
            match due.expires {
                None => packed.push(days),
                Some(why) => gone.push((days, why)),
            }
        }
        (packed, gone)
    }

    #[test]
    fn each_bound_ends_the_oldest() {
        let entries: Vec<_> = [0, 3, 5, 7, 9].map(|days| entry(days, 10)).into();
        let none = InUse::default();
        let gone = |keep: Keep| due_of(&entries, keep, &none).1;
        assert_eq!(gone(ENDLESS), []);
        assert_eq!(gone(Keep { age: days(5), ..ENDLESS }), [(7, Why::Age), (9, Why::Age)]);
        assert_eq!(gone(Keep { count: 3, ..ENDLESS }), [(7, Why::Count), (9, Why::Count)]);
        assert_eq!(gone(Keep { bytes: 35, ..ENDLESS }), [(7, Why::Bytes), (9, Why::Bytes)]);
        assert_eq!(due_of(&entries, Keep { plain: days(4), ..ENDLESS }, &none).0, [5, 7, 9]);
    }

    #[test]
    fn what_goes_makes_room_before_anything_is_packed() {
        let entries: Vec<_> = [3, 5, 7, 9].map(|days| entry(days, 10)).into();
        let keep = Keep { age: days(6), plain: days(4), ..ENDLESS };
        let all = due(entries.into_iter(), &keep, &InUse::default(), NOW_MS);
        let ages: Vec<_> = all.iter().map(|due| (NOW_MS - due.job.at_ms().unwrap()) / DAY_MS).collect();
        assert_eq!(ages, [7, 9, 5]);
    }

    #[test]
    fn what_is_recent_or_in_use_stays_and_counts() {
        let entries: Vec<_> = [0, 1, 3, 5, 7, 9].map(|days| entry(days, 10)).into();
        let nothing = Keep { age: days(0), count: 0, bytes: 0, plain: days(4) };
        let of_five = InUse::new([], [entries[3].job.clone()]);
        let (packed, gone) = due_of(&entries, nothing, &of_five);
        assert_eq!((packed, gone.iter().map(|(days, _)| *days).collect()), (vec![5], vec![3, 7, 9]));
        let written = InUse::new([entries[3].job.clone()], []);
        let (packed, gone) = due_of(&entries, nothing, &written);
        assert_eq!((packed, gone.len()), (vec![], 3), "what is written is not packed either");
        // Three may stay; the one that is in use does so besides.
        let (_, gone) = due_of(&entries, Keep { count: 3, ..ENDLESS }, &of_five);
        assert_eq!(gone, [(7, Why::Count), (9, Why::Count)]);
    }

    #[test]
    fn of_a_job_that_waited_for_long_the_log_is_as_recent_as_what_it_said_last() {
        let nothing = Keep { age: days(0), count: 0, bytes: 0, plain: days(4) };
        let said = |hours: u64| Entry { written_ms: NOW_MS - hours * DAY_MS / 24, ..entry(3, 10) };
        assert_eq!(due_of(&[said(1), said(23)], nothing, &InUse::default()), (vec![], vec![]));
        assert_eq!(due_of(&[said(25)], nothing, &InUse::default()), (vec![], vec![(3, Why::Age)]));
    }

    #[test]
    fn one_that_is_large_goes_and_smaller_ones_behind_it_stay() {
        let entries = [entry(2, 10), entry(3, 1000), entry(4, 10)];
        let (_, gone) = due_of(&entries, Keep { bytes: 100, ..ENDLESS }, &InUse::default());
        assert_eq!(gone, [(3, Why::Bytes)]);
    }

    #[test]
    fn of_what_comes_from_the_future_or_from_nowhere_nothing_goes() {
        let ahead = Entry { job: JobId::new(OpId::new("build"), NOW_MS + DAY_MS, 0), ..entry(9, 10) };
        let strange = Entry { job: "2026-11-20/somebody-elses".parse().unwrap(), ..entry(9, 10) };
        let nothing = Keep { age: days(0), count: 0, bytes: 0, plain: days(0) };
        assert_eq!(due_of(&[ahead, strange], nothing, &InUse::default()), (vec![], vec![]));
    }
}
