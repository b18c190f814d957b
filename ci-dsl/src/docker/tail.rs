//! The last lines of some output, for the error that follows them.

use std::collections::VecDeque;
use std::fmt;

/// The newest lines of an output, bounded whatever comes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<Vec<u8>>,
    /// Whether the newest line has not ended yet.
    open: bool,
}

impl Tail {
    /// How many lines are kept.
    pub(super) const LINES_MAX: usize = 20;
    /// How much of one line is kept, bytes.
    pub(super) const LINE_BYTES_MAX: usize = 400;

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            if !self.open {
                self.lines.push_back(Vec::new());
                if self.lines.len() > Self::LINES_MAX {
                    self.lines.pop_front();
                }
            }
            let (text, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            if let Some(line) = self.lines.back_mut() {
                let room = Self::LINE_BYTES_MAX - line.len();
                line.extend_from_slice(&text[..text.len().min(room)]);
            }
            self.open = !ended;
        }
    }
}

impl fmt::Display for Tail {
    /// Every kept line on a line of its own, each *preceded* by a line feed. Colours and other control characters
    /// are left out: what the work printed is shown as text in an error, not as its output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            write!(f, "\n{}", printable(&String::from_utf8_lossy(line)))?;
        }
        Ok(())
    }
}

/// `text` without escape sequences of the common form (`ESC [ … letter`) and without other control characters.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                for c in chars.by_ref() {
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_however_they_are_cut() {
        let mut tail = Tail::default();
        for n in 0..100 {
            tail.push(format!("line {n}").as_bytes());
            tail.push(b" \x1b[31mred\x1b[0m\r\n");
        }
        tail.push(&[b'x'; 10_000]);
        tail.push(&[b'y'; 10_000]);
        let text = tail.to_string();
        let lines: Vec<&str> = text.split('\n').skip(1).collect();
        assert_eq!(lines.len(), Tail::LINES_MAX);
        assert_eq!(lines[0], "line 81 red");
        assert_eq!(lines[Tail::LINES_MAX - 2], "line 99 red");
        assert_eq!(lines[Tail::LINES_MAX - 1], "x".repeat(Tail::LINE_BYTES_MAX));
    }
}
