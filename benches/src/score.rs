//! What was measured.

use serde::Serialize;

/// All of it, in the order in which it was measured.
#[derive(Debug, Default, Serialize)]
pub struct Score {
    /// One for each work and who did it.
    pub lines: Vec<Line>,
}

/// What one work cost one engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Line {
    /// The work.
    pub work: &'static str,
    /// Who did it.
    pub by: &'static str,
    /// Seconds, the median of the rounds.
    pub seconds: Option<f64>,
    /// How many times as long as the first of this work: the median of the rounds' own ratios.
    pub ratio: Option<f64>,
    /// Instructions for each change.
    pub instructions: Option<f64>,
    /// Allocations for each change.
    pub allocations: Option<f64>,
    /// Bytes of memory for each of what is counted.
    pub bytes: Option<f64>,
}

impl Score {
    /// The line of a work and who did it; made if there is none.
    pub fn line(&mut self, work: &'static str, by: &'static str) -> &mut Line {
        let at = self.lines.iter().position(|line| line.work == work && line.by == by);
        let at = at.unwrap_or_else(|| {
            self.lines.push(Line { work, by, ..Line::default() });
            self.lines.len() - 1
        });
        &mut self.lines[at]
    }

    /// The line of a work and who did it; empty if there is none.
    pub fn of(&self, work: &str, by: &str) -> Line {
        let line = self.lines.iter().find(|line| line.work == work && line.by == by);
        line.copied().unwrap_or_default()
    }
}

/// The one in the middle; `None` of none.
pub fn median(all: &mut [f64]) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}
