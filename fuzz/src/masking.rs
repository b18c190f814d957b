//! A log is masked as somebody would who reads all of it at once: `SECRET fe SECRET … ff PIECE fe PIECE …`.
//!
//! Each byte that a form of a secret covers is `*`, but for ends of lines, and all other bytes are as they came. At the
//! end a beginning of a form is `*`, too, if it is long enough to be a secret.

use std::collections::BTreeSet;

use ci_core::secret::{Secret, Secrets, forms};

use crate::{PART, PIECE, split};

const SECRETS_MAX: usize = 4;
const SECRET_BYTES_MAX: usize = 64;
const PIECES_MAX: usize = 32;

/// See the module.
pub fn holds(bytes: &[u8]) {
    let [names, pieces] = split(bytes, PART, 2)[..] else { return };
    let (secrets, mut all) = (Secrets::default(), BTreeSet::new());
    for bytes in split(names, PIECE, SECRETS_MAX) {
        let bytes = &bytes[..bytes.len().min(SECRET_BYTES_MAX)];
        if let Ok(secret) = Secret::new("s", bytes) {
            secrets.add(&secret).expect("because they are few and short");
            all.extend(forms::of(bytes));
        }
    }
    let pieces = split(pieces, PIECE, PIECES_MAX);
    let text = pieces.concat();

    let mut masker = secrets.masker();
    let mut masked = Vec::new();
    for piece in pieces {
        masked.extend_from_slice(&masker.push(piece));
    }
    masked.extend_from_slice(&masker.cut());
    let expected = naive(&text, &all);
    assert!(
        masked == expected,
        "{:?}\nis masked as {:?}\nand not as {:?}",
        String::from_utf8_lossy(&text),
        String::from_utf8_lossy(&masked),
        String::from_utf8_lossy(&expected)
    );
}

fn naive(text: &[u8], forms: &BTreeSet<Vec<u8>>) -> Vec<u8> {
    let mut shown = text.to_vec();
    let mut blacken = |from: usize, to: usize| {
        for byte in shown[from..to].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b'*';
        }
    };
    for form in forms {
        for at in 0..text.len() {
            if text[at..].starts_with(form) {
                blacken(at, at + form.len());
            }
        }
    }
    let begins_form = |from: &usize| forms.iter().any(|form| form.starts_with(&text[*from..]));
    if let Some(from) = (0..text.len()).find(begins_form)
        && Secret::BYTES_MIN <= text.len() - from
    {
        blacken(from, text.len());
    }
    shown
}
