//! Of a log of any length the best match is found, as if all of it was looked at at once:
//! `PATTERN fe REPORT fe SCORE ff … ff HEAD fe FILL fe TAIL`, where the fill is repeated until the log is longer than what
//! is looked at at a time.

use std::cmp::Reverse;

use ci_core::log_rules::{LogRule, MATCH_BYTES_MAX, search};
use regex::bytes::RegexBuilder;

use crate::{PART, PIECE, split};

const RULES_MAX: usize = 4;
/// Longer than any window of the search.
const LONG: usize = 300 << 10;

/// See the module.
pub fn holds(bytes: &[u8]) {
    let mut parts = split(bytes, PART, RULES_MAX + 1);
    let Some(log) = parts.pop() else { return };
    let rules: Vec<LogRule> = parts.into_iter().filter_map(rule).collect();
    let log = filled(log);
    let found = search(&rules, &log[..]).expect("because memory can be read");
    let found = found.map(|hit| (hit.rule.score(), hit.at, hit.rule));

    let mut best: Option<(i64, u64, LogRule)> = None;
    for rule in rules {
        // As `LogRule::new` says.
        let regex = RegexBuilder::new(rule.pattern())
            .multi_line(true)
            .unicode(false)
            .build()
            .unwrap_or_else(|error| panic!("a rule has a pattern that does not compile: {error}"));
        let Some(first) = regex.find(&log) else { continue };
        if MATCH_BYTES_MAX < first.len() {
            return; // what is matched farther on may be cut off
        }
        let at = first.start() as u64;
        if best.as_ref().is_none_or(|(score, best, _)| (*score, Reverse(*best)) < (rule.score(), Reverse(at)))
        {
            best = Some((rule.score(), at, rule));
        }
    }
    // Of rules that are equal in everything that is asked for, either may win.
    let told = |hit: &(i64, u64, LogRule)| (hit.0, hit.1);
    assert_eq!(found.as_ref().map(told), best.as_ref().map(told), "{found:?} was found, and not {best:?}");
}

fn rule(bytes: &[u8]) -> Option<LogRule> {
    let [pattern, report, score] = split(bytes, PIECE, 3)[..] else { return None };
    let score = score.first().map_or(0, |byte| i64::from(*byte));
    LogRule::new(std::str::from_utf8(pattern).ok()?, std::str::from_utf8(report).ok()?, score).ok()
}

fn filled(log: &[u8]) -> Vec<u8> {
    match split(log, PIECE, 3)[..] {
        [head, fill, tail] if !fill.is_empty() => [head, &fill.repeat(LONG / fill.len()), tail].concat(),
        _ => log.to_vec(),
    }
}
