//! Text of others inside our markup.

pub(crate) use ci_core::picture::hidden_name as hidden;

/// Appends `c` so that it is text in an element and in a double-quoted attribute, in HTML as in XML. What has no
/// appearance of its own but changes that of others is named instead: see [`hidden`].
pub(crate) fn push_char(out: &mut String, c: char) {
    match c {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        '\n' | '\t' => out.push(c),
        c => match hidden(c) {
            Some(name) => name.chars().for_each(|c| push_char(out, c)),
            None => out.push(c),
        },
    }
}

/// See [`push_char`].
pub(crate) fn push(out: &mut String, text: &str) {
    text.chars().for_each(|c| push_char(out, c));
}
