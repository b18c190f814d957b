//! Properties that hold whatever bytes come, one module each: `holds(bytes)` returns, or panics with what is wrong.
//!
//! `scripts/fuzz` looks for bytes that break one (cargo-fuzz). What it found worth keeping lies in `corpus/`, and is
//! tried by the tests.

pub mod ansi;
pub mod journal;
pub mod key_digest;
pub mod log_rules;
pub mod masking;

/// A property, by name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; the names are those of the folders in `corpus/`.
pub const TARGETS: [Target; 5] = [
    ("ansi", ansi::holds),
    ("journal", journal::holds),
    ("key_digest", key_digest::holds),
    ("log_rules", log_rules::holds),
    ("masking", masking::holds),
];

/// Stands between the parts of an input; no byte of UTF-8 text.
const PART: u8 = 0xff;
/// Stands between the pieces of a part.
const PIECE: u8 = 0xfe;

/// What stands between the marks, at most `max`: the rest is ignored.
fn split(bytes: &[u8], mark: u8, max: usize) -> Vec<&[u8]> {
    bytes.split(|byte| *byte == mark).take(max).collect()
}
