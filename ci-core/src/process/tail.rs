//! The end of what a program said.

use std::collections::VecDeque;
use std::fmt;

use super::Process;
use crate::secret::Secrets;

/// The last [`Process::TAIL_BYTES_MAX`] bytes of an output, and the text in them.
#[derive(Default)]
pub struct Tail {
    secrets: Secrets,
    /// As it came, and so much more of it that a secret which ends within those bytes is here from its beginning.
    raw: VecDeque<u8>,
    text: String,
}

impl Tail {
    /// One that will tell none of `secrets`.
    pub(super) fn without(secrets: Secrets) -> Self {
        Self { secrets, ..Self::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let kept = Process::TAIL_BYTES_MAX + self.secrets.longest_form();
        let bytes = &bytes[bytes.len().saturating_sub(kept)..];
        let surplus = (self.raw.len() + bytes.len()).saturating_sub(kept);
        self.raw.drain(..surplus.min(self.raw.len()));
        self.raw.extend(bytes);
    }

    /// Makes text of the bytes: lines end with `\n` or `\r` (progress bars), other control characters are gone. Secrets are
    /// masked before anything is cut: nobody would know the rest of one.
    pub(super) fn closed(mut self) -> Self {
        let raw = Vec::from(std::mem::take(&mut self.raw));
        let mut masker = self.secrets.masker();
        let shown = [&*masker.push(&raw), &*masker.cut()].concat();
        let shown = &shown[shown.len().saturating_sub(Process::TAIL_BYTES_MAX)..];
        let text = String::from_utf8_lossy(shown).replace('\r', "\n");
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
