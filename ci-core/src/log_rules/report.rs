//! A text with places for what a pattern's groups matched.

use std::sync::Arc;

use regex::bytes::Captures;

use super::REPORT_BYTES_MAX;
use crate::error::Failure;

/// A report, read. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Report {
    text: Arc<str>,
    parts: Arc<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Report {
    /// Reads a report on a pattern of so many groups, the whole match counted. Otherwise says what is wrong with it.
    pub(super) fn of(text: &str, groups: usize) -> Result<Self, String> {
        if REPORT_BYTES_MAX < text.len() {
            return Err(format!("it is longer than {REPORT_BYTES_MAX} bytes"));
        }
        if text.trim().is_empty() {
            return Err("it says nothing".to_owned());
        }
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                plain.push(c);
                continue;
            }
            match chars.next() {
                Some('\\') => plain.push('\\'),
                Some(digit @ '0'..='9') => {
                    let group = digit as usize - '0' as usize;
                    if groups <= group {
                        let last = groups - 1;
                        return Err(format!("it names group {group}, and the pattern's last is {last}"));
                    }
                    parts.extend([Part::Text(std::mem::take(&mut plain)), Part::Group(group)]);
                }
                _ => return Err(r"behind a backslash stands a digit, or another backslash".to_owned()),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self { text: text.into(), parts: parts.into() })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The report on a match. Not much longer than a message may be, however long the match is.
    pub(super) fn fill(&self, groups: &Captures<'_>) -> String {
        let mut filled = String::new();
        for part in &*self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Group(group) => {
                    let matched = groups.get(*group).map(|group| group.as_bytes()).unwrap_or_default();
                    let beginning = &matched[..matched.len().min(Failure::MESSAGE_MAX)];
                    filled.extend(String::from_utf8_lossy(beginning).chars().filter_map(shown));
                }
            }
            if Failure::MESSAGE_MAX < filled.len() {
                break; // it is cut where it becomes a failure's message
            }
        }
        filled.trim_end().to_owned()
    }
}

/// A program's output may command a terminal; a message may not.
fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        c if c.is_control() => Some(char::REPLACEMENT_CHARACTER),
        c => Some(c),
    }
}
