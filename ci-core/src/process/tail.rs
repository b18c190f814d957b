//! The end of what a program said.

use std::fmt;

use super::Process;

/// The last [`Process::TAIL_BYTES_MAX`] bytes of an output, and the text in them.
#[derive(Default)]
pub struct Tail {
    bytes: Vec<u8>,
    text: String,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(Process::TAIL_BYTES_MAX)..];
        let surplus = (self.bytes.len() + bytes.len()).saturating_sub(Process::TAIL_BYTES_MAX);
        self.bytes.drain(..surplus);
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes text of the bytes: lines end with `\n` or `\r` (progress bars), other control characters are gone.
    pub(super) fn closed(mut self) -> Self {
        let text = String::from_utf8_lossy(&self.bytes).replace('\r', "\n");
        self.text = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        self
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `: ` and the last lines, joined, or nothing.
    pub(super) fn in_message(&self) -> String {
        let lines: Vec<&str> = self.text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match &lines[lines.len().saturating_sub(Process::TAIL_LINES_MAX)..] {
            [] => String::new(),
            lines => format!(": {}", lines.join("; ")),
        }
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tail").field(&self.text).finish()
    }
}
