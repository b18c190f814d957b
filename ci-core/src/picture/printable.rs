//! Text of strangers, made harmless before it is written anywhere.

use std::fmt::Write as _;

/// The name of a character that people would not see and that changes what they see: a control, a direction override
/// (it makes text read as what it is not), or one that markup may not hold.
pub fn hidden_name(c: char) -> Option<String> {
    let overrides = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unmarkable = matches!(c, '\u{fffe}' | '\u{ffff}');
    (c.is_control() || overrides || unmarkable).then(|| format!("<U+{:04X}>", u32::from(c)))
}

/// Appends a text by `push`, which gets line breaks and what people see; the rest is named.
pub(super) fn each(text: &str, mut push: impl FnMut(char)) {
    for c in text.chars() {
        match c {
            '\n' => push(c),
            '\t' => push(' '),
            c => match hidden_name(c) {
                Some(name) => name.chars().for_each(&mut push),
                None => push(c),
            },
        }
    }
}

/// A text, or its beginning with an ellipsis: at most `max` characters in all.
pub(super) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A link without anything that would end it where it stands: Graphviz itself writes quotes in one as they are.
pub(super) fn address(link: &str) -> String {
    let mut out = String::new();
    for byte in link.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'`') => out.push(char::from(byte)),
            // Writing to a string can't fail.
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}
