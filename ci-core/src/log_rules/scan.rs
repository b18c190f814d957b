//! Finding the best match in a text that comes in pieces.
//!
//! The text is looked at through windows that overlap by as much as a match may be long: each match that begins in a
//! window, but for its last [`OVERLAP`], is found there, and what begins later in the next one. Where windows begin does
//! not depend on the pieces. Each rule is looked for on its own, so two of them may well match the same line, and of each
//! rule only the first match matters. A rule that can't win any more is dropped; when none is left the rest is not looked
//! at.

use std::cmp::Reverse;

use super::LogRule;

/// How long a match may be, for certain: what a pattern matches farther on may be cut off.
pub const MATCH_BYTES_MAX: usize = 64 << 10;
/// Before a match, and behind it, a pattern may look at one character: `^`, `$`, `\b`.
const CONTEXT: usize = 4;
const OVERLAP: usize = MATCH_BYTES_MAX + CONTEXT;
const WINDOW: usize = 256 << 10;

/// What a rule knows in a log: the best match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Whose it is.
    pub rule: LogRule,
    /// Where it begins in the log, in bytes.
    pub at: u64,
    /// What the rule says of it.
    pub report: String,
}

pub(super) struct Scan {
    /// The rules that would be better than `best`, the highest score first.
    sought: Vec<LogRule>,
    best: Option<Hit>,
    window: Vec<u8>,
    window_max: usize,
    overlap: usize,
    /// Where the window begins in the text.
    begins_at: u64,
    /// Where in the window matches begin that were not looked for yet.
    from: usize,
}

impl Scan {
    /// Of rules that stand in order, the highest score first.
    pub(super) fn of(rules: &[LogRule]) -> Self {
        Self::with_windows(rules, WINDOW, OVERLAP)
    }

    pub(super) fn with_windows(rules: &[LogRule], window_max: usize, overlap: usize) -> Self {
        assert!(overlap + 2 * CONTEXT < window_max, "each window goes beyond the one before");
        Self {
            sought: rules.iter().map(LogRule::to_match).collect(),
            best: None,
            window: Vec::with_capacity(window_max),
            window_max,
            overlap,
            begins_at: 0,
            from: 0,
        }
    }

    /// Nothing that may follow changes the answer.
    pub(super) fn is_settled(&self) -> bool {
        self.sought.is_empty()
    }

    pub(super) fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && !self.is_settled() {
            let room = self.window_max - self.window.len();
            let (fits, rest) = piece.split_at(room.min(piece.len()));
            self.window.extend_from_slice(fits);
            piece = rest;
            if self.window.len() == self.window_max {
                let seen = self.window_max - self.overlap;
                self.look(seen);
                self.window.drain(..seen - CONTEXT);
                self.begins_at += (seen - CONTEXT) as u64;
                self.from = CONTEXT;
            }
        }
    }

    /// The answer, when nothing more follows.
    pub(super) fn finish(mut self) -> Option<Hit> {
        self.look(usize::MAX);
        self.best
    }

    /// Looks for matches that begin before `end`.
    fn look(&mut self, end: usize) {
        for rule in &self.sought {
            let Some(start) = rule.find(&self.window, self.from).filter(|start| *start < end) else {
                continue;
            };
            let at = self.begins_at + start as u64;
            let is_better = |best: &Hit| (best.rule.score(), Reverse(best.at)) < (rule.score(), Reverse(at));
            if self.best.as_ref().is_none_or(is_better) {
                self.best = Some(Hit { rule: rule.clone(), at, report: rule.says(&self.window, start) });
            }
        }
        if let Some(best) = &self.best {
            self.sought.retain(|rule| best.rule.score() < rule.score());
        }
    }
}
