//! A part of a log as numbered lines.
//!
//! A page never holds more than [`Part::LINES_MAX`] lines and [`Part::BYTES_MAX`] bytes of it. It shows the tail, or the
//! lines around one that was asked for; the rest is behind links.
//!
//! Numbers count line feeds. Where a program moved the cursor up and drew over its lines, a part that holds all of that
//! has fewer lines than line feeds, and its numbers lag behind those of the part after it.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use ci_core::job::{LogText, Place};

use crate::ansi;

/// How far somebody has seen a log: so many lines that can't change any more, counted from a place where the terminal
/// was taken to be fresh. As text: `4096-57-3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) from: Place,
    pub(crate) lines: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.from.bytes, self.from.lines, self.lines)
    }
}

/// The text says no place of a log.
pub(crate) struct NoPlace;

impl FromStr for Seen {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let numbers: Result<Vec<u64>, _> = text.split('-').map(str::parse).collect();
        match numbers.map_err(|_| NoPlace)?[..] {
            [bytes, before, lines] => Ok(Self { from: Place { bytes, lines: before }, lines }),
            _ => Err(NoPlace),
        }
    }
}

/// Some lines of a log.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Lines that can't change any more.
    pub(crate) html: String,
    /// The last lines, which may.
    pub(crate) window: String,
    pub(crate) from: Place,
    /// How many lines `html` holds.
    pub(crate) done: u64,
    /// The number of the last line.
    pub(crate) last: u64,
    /// Whether it goes to the end of the log as it is now.
    pub(crate) is_tail: bool,
}

impl Part {
    /// The most lines on one page.
    pub(crate) const LINES_MAX: u64 = 2000;
    /// The most bytes on one page.
    pub(crate) const BYTES_MAX: u64 = 256 << 10;
    /// How many lines are shown before the one that was asked for.
    const CONTEXT_LINES: u64 = 50;

    /// The end of a log. A log that is not there is empty. Blocking.
    pub(crate) fn tail(path: &Path) -> io::Result<Self> {
        let Some(mut log) = LogText::open(path)? else {
            return Ok(Self { is_tail: true, ..Self::default() });
        };
        let start = log.bytes().saturating_sub(Self::BYTES_MAX);
        let mut bytes = log.read(start, Self::BYTES_MAX as usize)?;
        let mut skipped = 0;
        if start > 0 {
            // From the first whole line on, if there is any.
            skipped = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
        }
        let ends = bytes.iter().enumerate().rev().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
        let too_many = ends.filter(|end| *end < bytes.len()).nth(Self::LINES_MAX as usize - 1);
        skipped = skipped.max(too_many.unwrap_or(0));
        bytes.drain(..skipped);
        let from = log.place(start + skipped as u64)?;
        Ok(Self::of(&bytes, from, log.bytes()))
    }

    /// The lines around one, counted from 1. Blocking.
    pub(crate) fn around(path: &Path, line: u64) -> io::Result<Self> {
        let Some(mut log) = LogText::open(path)? else {
            return Ok(Self { is_tail: true, ..Self::default() });
        };
        let from = log.line(line.saturating_sub(1 + Self::CONTEXT_LINES))?;
        let mut bytes = log.read(from.bytes, Self::BYTES_MAX as usize)?;
        let mut ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
        if let Some(end) = ends.nth(Self::LINES_MAX as usize - 1) {
            bytes.truncate(end);
        } else if from.bytes + (bytes.len() as u64) < log.bytes()
            && let Some(last) = bytes.iter().rposition(|b| *b == b'\n')
        {
            bytes.truncate(last + 1);
        }
        Ok(Self::of(&bytes, from, log.bytes()))
    }

    fn of(bytes: &[u8], from: Place, total: u64) -> Self {
        let mut ansi = ansi::Html::after(from.lines);
        let (html, window) = (ansi.push(bytes), ansi.finish());
        let (done, open) = (count(html.as_bytes()), count(window.as_bytes()));
        Self {
            html: wrapped(&html),
            window: wrapped(&window),
            from,
            done,
            last: from.lines + done + open,
            is_tail: from.bytes + bytes.len() as u64 >= total,
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen { from: self.from, lines: self.done }
    }
}

/// Each line in an element of its own, so that a script can take it away again.
pub(crate) fn wrapped(lines: &str) -> String {
    let mut html = String::with_capacity(lines.len() + lines.len() / 4);
    for line in lines.split_inclusive('\n') {
        html.push_str("<div class=\"line\">");
        html.push_str(line);
        html.push_str("</div>");
    }
    html
}

fn count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn numbers(part: &Part) -> Vec<u64> {
        let both = format!("{}{}", part.html, part.window);
        let ids = both.split(" id=\"L").skip(1);
        ids.map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
    }

    fn shows(part: &Part, line: &str) -> bool {
        [&part.html, &part.window].iter().any(|html| html.contains(&format!("></a>{line}\n")))
    }

    #[test]
    fn a_short_log_is_shown_whole() {
        let part = Part::tail(log("one\ntwo\n<b>").path()).unwrap();
        assert_eq!((part.from, part.last, part.is_tail), (Place::default(), 3, true));
        assert_eq!(numbers(&part), [1, 2, 3]);
        assert!(shows(&part, "two") && shows(&part, "&lt;b&gt;"));
        let none = Part::tail(Path::new("/nowhere/at/all")).unwrap();
        assert!(none.is_tail && none.html.is_empty() && none.window.is_empty());
    }

    #[test]
    fn of_a_long_log_the_last_lines_are_shown_and_any_other_by_its_number() {
        let text: String = (1..=200_000).map(|n| format!("line {n}\n")).collect();
        let log = log(&text);
        let tail = Part::tail(log.path()).unwrap();
        let shown = numbers(&tail);
        assert_eq!(shown.len() as u64, Part::LINES_MAX);
        assert_eq!((shown.last(), tail.last, tail.is_tail), (Some(&200_000), 200_000, true));
        assert!(shows(&tail, "line 200000"));
        let part = Part::around(log.path(), 77_777).unwrap();
        let shown = numbers(&part);
        assert!(shown.contains(&77_777) && shows(&part, "line 77777") && !part.is_tail);
        assert_eq!((shown[0], shown.len() as u64), (77_777 - Part::CONTEXT_LINES, Part::LINES_MAX));
        assert_eq!(part.last, part.from.lines + Part::LINES_MAX);
        let beyond = Part::around(log.path(), 999_999_999).unwrap();
        assert!(beyond.is_tail && beyond.from.lines == 200_000);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let log = log(&"x".repeat(Part::BYTES_MAX as usize * 3));
        for part in [Part::tail(log.path()).unwrap(), Part::around(log.path(), 1).unwrap()] {
            assert!((part.html.len() + part.window.len()) as u64 <= Part::BYTES_MAX + 1000);
        }
    }

    #[test]
    fn how_far_somebody_has_seen_it_is_read_back() {
        let seen = Seen { from: Place { bytes: 4096, lines: 57 }, lines: 3 };
        assert!(seen.to_string().parse::<Seen>().is_ok_and(|read| read == seen));
        for bad in ["", "1", "1-2", "1-2-3-4", "1-2-x", "-1-2-3", "1-2-99999999999999999999"] {
            assert!(bad.parse::<Seen>().is_err(), "{bad}");
        }
    }
}
