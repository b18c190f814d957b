//! The forms in which a secret may turn up in a text.
//!
//! A secret is looked for as it is; with its lines ended by `\n` and by `\r\n`; and by each of its lines that has
//! [`Secret::BYTES_MIN`](super::Secret::BYTES_MIN) bytes, without the white space around it. Each of these is looked for
//!
//! - as it is, and in hexadecimal, lower or upper case;
//! - in base64, standard and URL-safe, with and without padding, wherever it begins in the bytes that were encoded: of
//!   what shares a character with its neighbours, that character is left. Lines of 64 and 76 characters, too;
//! - percent-encoded, in upper and lower case, by the rules of RFC 3986, of forms, and of `encodeURIComponent`;
//! - in a JSON string, by the rules that encoders go by: the least, with `\/`, with `<`, `>`, `&`, `'`, `=`, `+` and what
//!   is not ASCII as `\u00XX`, in upper and lower case;
//! - in a shell's words: `'\''` and `'"'"'` for a single quote, backslashes between double quotes.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::Secret;

/// At these widths encoders of base64 break lines: those of PEM and of MIME, which is also that of `base64`.
const BASE64_WIDTHS: [usize; 2] = [64, 76];

/// All forms of a secret, each once.
pub fn of(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for piece in pieces(secret) {
        forms.extend(base64(&piece));
        forms.extend([hex::encode(&piece), hex::encode_upper(&piece)].map(String::into_bytes));
        forms.extend(percent(&piece));
        forms.extend(json(&piece));
        forms.extend(shell(&piece));
        forms.insert(piece);
    }
    forms
}

fn pieces(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let lines: Vec<&[u8]> =
        secret.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    let mut pieces = BTreeSet::from([secret.to_vec(), lines.join(&b"\n"[..]), lines.join(&b"\r\n"[..])]);
    let alone = lines.iter().map(|line| line.trim_ascii()).filter(|line| line.len() >= Secret::BYTES_MIN);
    pieces.extend(alone.map(<[u8]>::to_vec));
    pieces
}

fn base64(piece: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let encoded = alphabet.encode([&vec![0; before], piece].concat()).into_bytes();
            // A character has 6 bits: only those that are all ours are the same whatever stands around.
            let ours = (before * 8).div_ceil(6)..(before + piece.len()) * 8 / 6;
            forms.insert(encoded[ours].to_vec());
        }
        let alone = alphabet.encode(piece).into_bytes();
        let padded = [&alone[..], &b"=="[..(3 - piece.len() % 3) % 3]].concat();
        let open = alone[..piece.len() * 8 / 6].to_vec();
        for form in [alone, padded, open] {
            for width in BASE64_WIDTHS {
                let lines: Vec<&[u8]> = form.chunks(width).collect();
                forms.extend([lines.join(&b"\n"[..]), lines.join(&b"\r\n"[..])]);
            }
            forms.insert(form);
        }
    }
    forms
}

/// What is left as it is, besides letters and digits.
const PERCENT_SAFE: [&[u8]; 4] = [b"-_.~", b"-_.*", b"-_.!~*'()", b"-_.~/"];

fn percent(piece: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let kinds = PERCENT_SAFE.into_iter().flat_map(|safe| [(safe, false), (safe, true)]);
    kinds.flat_map(|(safe, plus)| [(safe, plus, false), (safe, plus, true)]).map(
        move |(safe, plus, upper)| {
            let mut form = Vec::with_capacity(piece.len() * 3);
            for byte in piece {
                match byte {
                    b' ' if plus => form.push(b'+'),
                    byte if byte.is_ascii_alphanumeric() || safe.contains(byte) => form.push(*byte),
                    byte if upper => form.extend(format!("%{byte:02X}").into_bytes()),
                    byte => form.extend(format!("%{byte:02x}").into_bytes()),
                }
            }
            form
        },
    )
}

/// What encoders write as `\u00XX` besides what they have to: none, Go's, Gson's, .NET's.
const JSON_ESCAPED: [&str; 4] = ["", "<>&", "<>&='", "<>&'+`\""];

fn json(piece: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    // JSON is text: of bytes that are none, each is escaped as if it was a character.
    let text = match std::str::from_utf8(piece) {
        Ok(text) => text.to_owned(),
        Err(_) => piece.iter().map(|byte| char::from(*byte)).collect(),
    };
    (0..JSON_ESCAPED.len() * 8).map(move |kind| {
        let (escaped, slash, ascii, upper) =
            (JSON_ESCAPED[kind / 8], kind & 1 != 0, kind & 2 != 0, kind & 4 != 0);
        let mut form = String::with_capacity(text.len() * 2);
        for char in text.chars() {
            match char {
                char if escaped.contains(char) => escape(&mut form, char, upper),
                '"' | '\\' => form.extend(['\\', char]),
                '/' if slash => form.push_str("\\/"),
                '\n' => form.push_str("\\n"),
                '\r' => form.push_str("\\r"),
                '\t' => form.push_str("\\t"),
                '\x08' => form.push_str("\\b"),
                '\x0c' => form.push_str("\\f"),
                '\0'..' ' => escape(&mut form, char, upper),
                char if ascii && !char.is_ascii() => escape(&mut form, char, upper),
                char => form.push(char),
            }
        }
        form.into_bytes()
    })
}

fn escape(form: &mut String, char: char, upper: bool) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        *form += &if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    }
}

fn shell(piece: &[u8]) -> [Vec<u8>; 3] {
    let replaced = |special: &[u8], by: fn(u8) -> Vec<u8>| {
        piece.iter().flat_map(|byte| if special.contains(byte) { by(*byte) } else { vec![*byte] }).collect()
    };
    [
        replaced(b"'", |_| b"'\\''".to_vec()),
        replaced(b"'", |_| b"'\"'\"'".to_vec()),
        replaced(b"\"$`\\", |byte| vec![b'\\', byte]),
    ]
}

#[cfg(test)]
mod tests;
