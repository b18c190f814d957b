//! Points in time, for people.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// A point in time as it is shown: how long ago, and exactly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    /// RFC 3339, for programs.
    pub(crate) iso: String,
    /// `2026-11-20 14:03:22 UTC`.
    pub(crate) clock: String,
    /// `5 min ago`, `in 20 s`. Scripts keep it true.
    pub(crate) ago: String,
}

impl Moment {
    /// Both in Unix milliseconds.
    pub(crate) fn at(ms: u64, now_ms: u64) -> Self {
        let at: DateTime<Utc> =
            i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
        Self {
            iso: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            clock: at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            ago: match ms.saturating_sub(now_ms) / 1000 {
                0 => ago(now_ms.saturating_sub(ms)),
                s => format!("in {s} s"),
            },
        }
    }

    pub(crate) fn now(ms: u64) -> Self {
        Self::at(ms, ci_core::clock::now_ms())
    }
}

/// A time as programs and people say it, in Unix milliseconds: `1795183402000`, `2026-11-20T14:03:22Z`,
/// `2026-11-20 14:03:22`, with or without seconds. Where no zone is said it is UTC.
pub(crate) fn asked(text: &str) -> Option<u64> {
    if let Ok(ms) = text.parse() {
        return Some(ms);
    }
    let text = text.trim_end_matches("UTC").trim_end();
    let with_zone = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let without = || forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let at = with_zone().or_else(|| without().map(|at| at.and_utc()))?;
    at.timestamp_millis().try_into().ok()
}

/// The same, but a time of the day may be said alone: `14:03:22`.
pub(crate) fn asked_on(day: &str, text: &str) -> Option<u64> {
    asked(&format!("{day} {text}")).or_else(|| asked(text))
}

fn ago(ms: u64) -> String {
    match ms / 1000 {
        0..5 => "just now".to_owned(),
        s @ 5..60 => format!("{s} s ago"),
        s @ 60..3600 => format!("{} min ago", s / 60),
        s @ 3600..86_400 => format!("{} h ago", s / 3600),
        s => format!("{} d ago", s / 86_400),
    }
}

/// `850 ms`, `3.2 s`, `4 min 5 s`, `2 h 3 min`.
pub(crate) fn span(ms: u64) -> String {
    let s = Duration::from_millis(ms).as_secs();
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{:.1} s", ms as f64 / 1000.0),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_do() {
        let moment = Moment::at(1_795_183_402_000, 1_795_183_402_000 + 125_000);
        assert_eq!(moment.iso, "2026-11-20T14:03:22Z");
        assert_eq!(moment.ago, "2 min ago");
        assert_eq!(Moment::at(9000, 5000).ago, "in 4 s");
        assert_eq!(Moment::at(u64::MAX, 5).iso, "1970-01-01T00:00:00Z");
        assert_eq!(
            [span(850), span(3200), span(245_000), span(7_400_000)],
            ["850 ms", "3.2 s", "4 min 5 s", "2 h 3 min"]
        );
    }

    #[test]
    fn a_time_is_understood_as_programs_and_people_say_it() {
        const AT_MS: u64 = 1_795_183_402_000;
        for text in [
            "1795183402000",
            "2026-11-20T14:03:22Z",
            "2026-11-20T15:03:22+01:00",
            "2026-11-20 14:03:22",
            "2026-11-20T14:03:22",
            "2026-11-20 14:03:22 UTC",
        ] {
            assert_eq!(asked(text), Some(AT_MS), "{text}");
        }
        assert_eq!(asked("2026-11-20 14:03"), Some(AT_MS - 22_000));
        for text in ["", "soon", "14:03:22", "2026-11-20", "-5", "1969-12-31 23:59:59"] {
            assert_eq!(asked(text), None, "{text}");
        }
        assert_eq!(asked_on("2026-11-20", "14:03:22"), Some(AT_MS));
        assert_eq!(asked_on("2026-11-19", "2026-11-20 14:03:22"), Some(AT_MS));
        assert_eq!(asked_on("2026-11-19", "noon"), None);
    }
}
