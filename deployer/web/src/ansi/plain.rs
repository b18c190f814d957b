//! A piece of a log as text alone.

use crate::text;

/// What of a text would be seen on a terminal that knows no colours, on one line: control sequences are gone, and so is
/// each control character but for tabs, which are spaces. What changes how others appear is named: `<U+202E>`.
pub fn plain(text: &str) -> String {
    let mut seen = Seen(String::with_capacity(text.len()));
    vte::Parser::new().advance(&mut seen, text.as_bytes());
    seen.0
}

struct Seen(String);

impl vte::Perform for Seen {
    fn print(&mut self, c: char) {
        match text::hidden(c) {
            Some(name) => self.0.push_str(&name),
            None => self.0.push(c),
        }
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\t' {
            self.0.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn colours_titles_and_links_are_gone_and_the_text_stays() {
        let text = "\x1b[1;31merror\x1b[0m: \x1b]0;title\x07no\tfile \x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\\r\x08é";
        assert_eq!(plain(text), "error: no file hereé");
        assert_eq!(plain("\u{202e}gpj"), "<U+202E>gpj");
    }
}
