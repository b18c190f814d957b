//! A job's log as a terminal would show it, as HTML.
//!
//! [`Html`] is fed with the log's bytes in pieces of any size, and gives back the lines that can't change any more. A
//! line can change as long as it is in the *window*, the last [`WINDOW_LINES`] lines: programs move the cursor up to
//! redraw their progress. What is in the window is asked for with [`Html::preview`]; a live page appends what
//! [`Html::push`] gives and replaces what it showed of the last preview.
//!
//! What is obeyed: colours and emphasis (SGR), carriage return, backspace, tab, the cursor's moves up, down, left,
//! right and to a column, erase in line, and erase below the cursor. A line feed also returns to the first column,
//! since programs that write to a pipe end lines so. Every character is one column wide. An `OSC 8` link is one if it
//! leads to `http` or `https`; it ends with its line, and so does any sequence that was not finished: what follows
//! stays readable.
//!
//! Everything else (titles, clearing the screen, moving to a place of it, device queries, ...) is inert. Bytes that
//! are not UTF-8 and controls without a meaning here are shown as `\xNN`, marked; direction overrides as `<U+202E>`.
//! Only bell, shifts of the character set and CAN are dropped, as a terminal does.
//!
//! The output is lines of `a` and `span` elements with classes from [`CSS`]: no style attributes, no other elements,
//! nothing that spans two lines. Every line begins with an anchor `L1`, `L2`, ... and ends with a line feed; it is
//! meant for a `pre` of class `log`. Memory is bounded whatever comes: see the constants.

pub use self::plain::plain;
use self::screen::Screen;
pub use self::screen::{COLUMNS_MAX, LINKS_PER_LINE_MAX, REACH, WINDOW_CELLS, WINDOW_LINES};

mod pen;
mod plain;
mod screen;
#[cfg(test)]
mod tests;

/// The rules for the classes of the output, dark and light.
pub const CSS: &str = include_str!("ansi/style.css");

/// See the module.
pub struct Html {
    parser: vte::Parser,
    screen: Screen,
    /// The beginning of a character whose rest has not come yet.
    tail: Vec<u8>,
}

impl std::fmt::Debug for Html {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Html").field("lines", &self.screen.lines()).finish_non_exhaustive()
    }
}

impl Default for Html {
    fn default() -> Self {
        Self::new()
    }
}

impl Html {
    /// The beginning of a log. Its first line is number 1.
    pub fn new() -> Self {
        Self::after(0)
    }

    /// A part of a log, after so many lines of it: numbers go on from there. What those lines set is forgotten.
    pub fn after(lines: u64) -> Self {
        Self { parser: vte::Parser::new(), screen: Screen::after(lines), tail: Vec::new() }
    }

    /// Takes the next bytes, and gives the lines that they push out of the window. What all calls give together, with
    /// [`Html::finish`], is the same however the bytes are cut into pieces.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        if self.tail.is_empty() {
            self.take(bytes);
        } else {
            let mut joined = std::mem::take(&mut self.tail);
            joined.extend_from_slice(bytes);
            self.take(&joined);
        }
        self.screen.completed()
    }

    /// The lines in the window as they stand now.
    pub fn preview(&self) -> String {
        self.screen.window()
    }

    /// The log's end: the lines in the window.
    pub fn finish(mut self) -> String {
        let tail = std::mem::take(&mut self.tail);
        self.screen.show_bytes(&tail);
        self.screen.window()
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        for chunk in bytes.utf8_chunks() {
            self.take_text(chunk.valid());
            rest = &rest[chunk.valid().len() + chunk.invalid().len()..];
            let cut = std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if rest.is_empty() && cut {
                self.tail = chunk.invalid().to_vec();
            } else {
                self.screen.show_bytes(chunk.invalid());
            }
        }
    }

    fn take_text(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let inside = line.strip_suffix('\n');
            self.parser.advance(&mut self.screen, inside.unwrap_or(line).as_bytes());
            if inside.is_some() {
                // CAN takes the parser out of whatever it is in.
                self.screen.cuts_sequences(true);
                self.parser.advance(&mut self.screen, b"\x18");
                self.screen.cuts_sequences(false);
                self.parser.advance(&mut self.screen, b"\n");
            }
        }
    }
}
