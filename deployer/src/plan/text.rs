//! A plan as people read it.

use std::fmt::{self, Write as _};

use ci_dsl::docker::service::Changed;

use super::entry::{Does, Entry, Step};
use super::{Begun, Plan, Trouble};
use crate::terminal::plain;

/// How much of a commit's id is shown.
const COMMIT_DIGITS: usize = 8;

#[derive(Clone, Copy)]
enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// Lines, with colours or without.
struct Lines {
    text: String,
    coloured: bool,
}

impl Lines {
    /// `said` may hold text of strangers.
    fn add(&mut self, colour: Option<Colour>, indent: usize, said: impl fmt::Display) {
        let said = plain(&said.to_string());
        let written = match colour.filter(|_| self.coloured) {
            Some(colour) => writeln!(self.text, "{:indent$}\x1b[{}m{said}\x1b[0m", "", colour as u8),
            None => writeln!(self.text, "{:indent$}{said}", ""),
        };
        written.expect("because a String takes everything");
    }

    fn trouble(&mut self, indent: usize, Trouble { message, hint }: &Trouble) {
        self.add(Some(Colour::Red), indent, message);
        if let Some(hint) = hint {
            self.add(None, indent, format_args!("hint: {hint}"));
        }
    }
}

impl Plan {
    /// For people. The last line says how much there is to do.
    pub fn text(&self, coloured: bool) -> String {
        let mut lines = Lines { text: String::new(), coloured };
        if self.running {
            lines.add(None, 0, "A deployer runs with this state: it may be doing some of this now.");
            lines.text.push('\n');
        }
        if !self.missing_secrets.is_empty() {
            lines.add(None, 0, "Not here are secrets that a deployer needs to start; this counts on them:");
            self.missing_secrets.iter().for_each(|trouble| lines.trouble(2, trouble));
            lines.text.push('\n');
        }
        if !self.begun.is_empty() {
            lines.add(None, 0, "Begun before, and brought to its end or taken back:");
            for Begun { op, what, job } in &self.begun {
                lines.add(Some(Colour::Yellow), 2, format_args!("~ {op} {what}"));
                lines.add(None, 6, format_args!("job {job}"));
            }
            lines.text.push('\n');
        }
        for entry in &self.entries {
            entry.write(&mut lines);
            lines.text.push('\n');
        }
        let steps = || self.entries.iter().flat_map(|entry| &entry.steps);
        let changes = self.begun.len() + steps().filter(|step| step.does.is_change()).count();
        let troubles = self.entries.iter().filter(|entry| entry.has_error()).count();
        let mut sum = match changes {
            0 if 0 < troubles => "Nothing to do that is known of".to_owned(),
            0 => "Nothing to do".to_owned(),
            1 => "1 step to do".to_owned(),
            many => format!("{many} steps to do"),
        };
        if 0 < troubles {
            let entries = if troubles == 1 { "entry" } else { "entries" };
            sum = format!("{sum}, {troubles} {entries} with an error");
        }
        lines.text + &sum + "."
    }
}

impl Entry {
    fn write(&self, lines: &mut Lines) {
        let Self { repository, branch, commit, subject, error, steps } = self;
        let commit = commit.as_deref().map(|id| id.get(..COMMIT_DIGITS).unwrap_or(id));
        let at = commit.map(|id| format!(" at {id}")).unwrap_or_default();
        let subject = subject.as_deref().map(|subject| format!(" \"{subject}\"")).unwrap_or_default();
        lines.add(None, 0, format_args!("{repository}, branch {branch}{at}{subject}"));
        if let Some(trouble) = error {
            lines.trouble(2, trouble);
        }
        steps.iter().for_each(|step| step.write(lines));
    }
}

impl Step {
    fn write(&self, lines: &mut Lines) {
        let Self { op, what, does, changes, notes, .. } = self;
        let adds = changes.iter().all(|change| change.before.is_none());
        let (mark, colour, rest) = match does {
            Does::Nothing => ('=', None, ": nothing to do"),
            Does::Run { .. } if adds => ('+', Some(Colour::Green), ""),
            Does::Run { .. } => ('~', Some(Colour::Yellow), ""),
            Does::GoOn { .. } => ('~', Some(Colour::Yellow), ": goes on"),
            Does::AsAbove => ('=', None, ": as above"),
            Does::Error(_) => ('!', Some(Colour::Red), ""),
        };
        lines.add(colour, 2, format_args!("{mark} {op} {what}{rest}"));
        for note in notes {
            lines.add(None, 6, note);
        }
        match does {
            Does::Error(trouble) => lines.trouble(6, trouble),
            Does::GoOn { job } => lines.add(None, 6, format_args!("job {job}")),
            Does::Nothing | Does::Run { .. } | Does::AsAbove => {}
        }
        for Changed { field, before, after } in changes {
            let mut side = |colour, mark, value: &str| {
                lines.add(Some(colour), 6, format_args!("{mark} {field}: {value}"));
            };
            if let Some(before) = before {
                side(Colour::Red, '-', before);
            }
            if let Some(after) = after {
                side(Colour::Green, '+', after);
            }
        }
    }
}
