//! Labels of any script in boxes of limited width.

/// How many columns of a box's label are shown.
pub(super) const COLUMNS_MAX: usize = 32;

/// How wide a text is, in columns of a Latin letter's width. An estimate: nobody knows the reader's font.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The text, or its beginning and its end: names differ in either.
pub(super) fn shortened(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let half = |chars: &mut dyn Iterator<Item = char>| {
        let mut room = columns_max.saturating_sub(1) / 2;
        chars
            .take_while(|c| {
                let fits = width(*c) <= room;
                room = room.saturating_sub(width(*c));
                fits
            })
            .collect::<String>()
    };
    let (head, tail) = (half(&mut text.chars()), half(&mut text.chars().rev()));
    format!("{}…{}", head.trim_end(), tail.chars().rev().collect::<String>().trim_start())
}

fn width(c: char) -> usize {
    match c {
        'M' | 'W' | '@' | '%' => 2,
        // East Asian scripts and emoji.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3ffff}' => 2,
        // What would not be seen is named.
        c => crate::text::hidden(c).map_or(1, |name| name.len()),
    }
}
