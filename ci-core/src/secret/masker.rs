//! Masks a stream, whose pieces come as they like.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::automaton::StateID;

use super::mask::Mask;
use super::{Secret, Secrets};

/// What each masked byte becomes. So a log has as many bytes as what was written to it: work that is found again is read
/// on from there. Lines stay lines.
const BLACK: u8 = b'*';

/// Masks a stream: each byte that a form of a secret covers comes out as `*`, but for ends of lines.
///
/// It holds back only what may be the beginning of a form: fewer bytes than the longest form has, and none of a text that
/// ends with anything else. So a reader sees a prompt at once, unless it ends with what a secret begins with; these bytes
/// come with the next ones.
pub struct Masker {
    secrets: Secrets,
    /// How many secrets [`Masker::over`] knows.
    count: usize,
    over: Option<Over>,
    /// What is held back, as it came and as it will be seen.
    raw: Vec<u8>,
    shown: Vec<u8>,
}

/// Where the automaton is.
struct Over {
    mask: Arc<Mask>,
    state: StateID,
    /// What forms cover of the bytes that it went over last.
    covered: Vec<Range<usize>>,
}

impl Masker {
    pub(super) fn of(secrets: Secrets) -> Self {
        Self { secrets, count: 0, over: None, raw: Vec::new(), shown: Vec::new() }
    }

    /// Takes the next bytes, and gives what can be shown by now.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.count != self.secrets.count() {
            self.learn();
        }
        let Some(over) = &mut self.over else { return Cow::Borrowed(bytes) };
        let held = self.raw.len();
        over.go_over(held, bytes);
        let pending = over.pending().min(held + bytes.len());
        if pending <= bytes.len() {
            self.raw.clear();
            self.raw.extend_from_slice(&bytes[bytes.len() - pending..]);
        } else {
            self.raw.drain(..held + bytes.len() - pending);
            self.raw.extend_from_slice(bytes);
        }
        if held == 0 && over.covered.is_empty() {
            self.shown.extend_from_slice(&self.raw);
            return Cow::Borrowed(&bytes[..bytes.len() - pending]);
        }
        self.shown.extend_from_slice(bytes);
        over.blacken(&mut self.shown);
        let rest = self.shown.split_off(held + bytes.len() - pending);
        Cow::Owned(std::mem::replace(&mut self.shown, rest))
    }

    /// Gives what is held back, since the text is cut here: it ends, or something else comes in between. If that is so
    /// much of a form as could be a secret itself, it is masked. If the rest of the form comes later, that is masked, too.
    pub fn cut(&mut self) -> Vec<u8> {
        self.raw.clear();
        let mut shown = std::mem::take(&mut self.shown);
        if let Some(over) = &self.over {
            let pending = over.pending();
            if pending >= Secret::BYTES_MIN {
                let from = shown.len().saturating_sub(pending);
                blacken(&mut shown[from..]);
            }
        }
        shown
    }

    /// Starts to look for secrets that were added, also in what is held back.
    fn learn(&mut self) {
        self.count = self.secrets.count();
        self.over = self.secrets.mask().map(|mask| Over { state: mask.start(), mask, covered: Vec::new() });
        if let Some(over) = &mut self.over {
            over.go_over(0, &self.raw);
            over.blacken(&mut self.shown);
        }
    }
}

impl Over {
    /// Goes over the next bytes, behind those that are held back.
    fn go_over(&mut self, held: usize, bytes: &[u8]) {
        self.covered.clear();
        self.state = self.mask.go_over(self.state, held, bytes, &mut self.covered);
    }

    fn pending(&self) -> usize {
        self.mask.pending(self.state)
    }

    fn blacken(&self, shown: &mut [u8]) {
        for range in &self.covered {
            blacken(&mut shown[range.clone()]);
        }
    }
}

fn blacken(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = BLACK;
    }
}

/// How much is held back.
impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("held", &self.shown.len()).finish_non_exhaustive()
    }
}
