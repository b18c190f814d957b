//! The end of a log that is too long.

use std::collections::VecDeque;

use super::Log;

/// The newest bytes, and how many there were before those.
#[derive(Default)]
pub(super) struct End {
    bytes: VecDeque<u8>,
    left_out: u64,
}

impl End {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(Log::END_BYTES_MAX)..];
        let too_many = (self.bytes.len() + kept.len()).saturating_sub(Log::END_BYTES_MAX);
        self.bytes.drain(..too_many);
        self.bytes.extend(kept);
        self.left_out += (too_many + bytes.len() - kept.len()) as u64;
    }

    /// What was left out, in words, and the rest.
    pub(super) fn told(&self) -> Vec<u8> {
        let gap = match self.left_out {
            0 => Vec::new(),
            left_out => format!("\n[{left_out} bytes are left out here]\n").into_bytes(),
        };
        let (end, wrapped) = self.bytes.as_slices();
        [&gap, end, wrapped].concat()
    }
}
