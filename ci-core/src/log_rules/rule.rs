//! One rule, known to be usable.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::report::Report;

/// The longest pattern.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// How large a pattern may become when it is compiled: `(?u:\w{100})` is short, and large.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 128 << 10;
/// How much memory a pattern may take, besides, while a log is read. With less it is slower.
const PATTERN_CACHE_BYTES_MAX: usize = 128 << 10;
/// The longest report, before groups are filled in.
pub const REPORT_BYTES_MAX: usize = 1024;

/// What to say of a job that failed if its log has something in it.
///
/// * The **pattern** is a [regular expression](regex#syntax), where `^` and `$` are ends of lines. It works on bytes, since
///   a log need not be text: `.` is one byte of a line, and `\w`, `\d` and `\b` know ASCII only, unless it says `(?u)`. It
///   may span lines, but what lies more than [`MATCH_BYTES_MAX`](super::MATCH_BYTES_MAX) behind the beginning of a match may
///   not be seen.
/// * The **report** is the text, with `\1` to `\9` for groups of the pattern, `\0` for the whole match, and `\\` for a
///   backslash. A group that took no part is empty. As a message it is cut to
///   [`Failure::MESSAGE_MAX`](crate::Failure::MESSAGE_MAX).
/// * The **score** says which rule is believed when several match: the highest.
///
/// A report shows a part of the log to anybody who may see the pipeline.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct LogRule {
    regex: Regex,
    report: Report,
    score: i64,
}

/// Why there is no such rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// It is no regular expression, or too large a one.
    #[error("the pattern {pattern:?} can't be used: {why}")]
    Pattern {
        /// The pattern, or its beginning.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// It can't be filled in.
    #[error("the report {report:?} can't be used: {why}")]
    Report {
        /// The report, or its beginning.
        report: String,
        /// What is wrong with it.
        why: String,
    },
}

impl LogRule {
    /// A rule that says `report` where `pattern` matches.
    ///
    /// # Errors
    ///
    /// [`BadRule`]: the pattern does not compile, is longer than [`PATTERN_BYTES_MAX`], larger than
    /// [`PATTERN_COMPILED_BYTES_MAX`] or matches an empty log; the report is blank, longer than [`REPORT_BYTES_MAX`] or
    /// names a group that the pattern does not have.
    pub fn new(pattern: &str, report: &str, score: i64) -> Result<Self, BadRule> {
        let bad = |why: String| BadRule::Pattern { pattern: beginning(pattern, PATTERN_BYTES_MAX), why };
        if PATTERN_BYTES_MAX < pattern.len() {
            return Err(bad(format!("it is longer than {PATTERN_BYTES_MAX} bytes")));
        }
        let regex = RegexBuilder::new(pattern)
            .multi_line(true)
            .unicode(false)
            .size_limit(PATTERN_COMPILED_BYTES_MAX)
            .dfa_size_limit(PATTERN_CACHE_BYTES_MAX)
            .build()
            .map_err(|error| bad(error.to_string()))?;
        if regex.is_match(b"") {
            return Err(bad("it matches an empty text, and so every log".to_owned()));
        }
        let report = Report::of(report, regex.captures_len())
            .map_err(|why| BadRule::Report { report: beginning(report, REPORT_BYTES_MAX), why })?;
        Ok(Self { regex, report, score })
    }

    /// What it looks for.
    pub fn pattern(&self) -> &str {
        self.regex.as_str()
    }

    /// What it says, before groups are filled in.
    pub fn report(&self) -> &str {
        self.report.text()
    }

    /// How much it is believed.
    pub fn score(&self) -> i64 {
        self.score
    }

    /// The same rule with memory of its own to match with, which goes with it.
    pub(super) fn to_match(&self) -> Self {
        self.clone()
    }

    /// Where it matches first, at `from` or later.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        self.regex.find_at(text, from).map(|found| found.start())
    }

    /// What it says of the match that begins at `at`.
    pub(super) fn says(&self, text: &[u8], at: usize) -> String {
        self.regex.captures_at(text, at).map(|groups| self.report.fill(&groups)).unwrap_or_default()
    }
}

fn beginning(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

impl PartialEq for LogRule {
    fn eq(&self, other: &Self) -> bool {
        (self.pattern(), self.report(), self.score) == (other.pattern(), other.report(), other.score)
    }
}

impl Eq for LogRule {}

impl fmt::Debug for LogRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pattern, report, score) = (self.pattern(), self.report(), self.score);
        f.debug_struct("LogRule")
            .field("pattern", &pattern)
            .field("report", &report)
            .field("score", &score)
            .finish()
    }
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Written {
    pattern: String,
    report: String,
    score: i64,
}

impl TryFrom<Written> for LogRule {
    type Error = BadRule;

    fn try_from(rule: Written) -> Result<Self, BadRule> {
        Self::new(&rule.pattern, &rule.report, rule.score)
    }
}

impl From<LogRule> for Written {
    fn from(rule: LogRule) -> Self {
        Self { pattern: rule.pattern().to_owned(), report: rule.report().to_owned(), score: rule.score }
    }
}
