//! Byte ranges: what a reader asks for (`Range`), and what a writer says it sends (`Content-Range`).

use crate::upload::ChunkRange;

/// What of a blob a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    Whole,
    /// `len` is at least 1, and the part is within the blob.
    Part {
        start: u64,
        len: u64,
    },
    Unsatisfiable,
}

impl ByteRange {
    /// RFC 9110, section 14.2: what can't be understood, and several ranges at once, may be ignored, and are.
    pub(super) fn parse(header: Option<&str>, len: u64) -> Self {
        let range = header.and_then(|header| header.strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.trim().split_once('-')) else {
            return Self::Whole;
        };
        let (start, end) = match (number(first), number(last)) {
            (Some(first), None) if last.is_empty() => (first, len),
            (Some(first), Some(last)) if first <= last => (first, len.min(last.saturating_add(1))),
            (None, Some(suffix)) if first.is_empty() => (len.saturating_sub(suffix), len),
            _ => return Self::Whole,
        };
        if start < end { Self::Part { start, len: end - start } } else { Self::Unsatisfiable }
    }
}

impl ChunkRange {
    /// `<first>-<last>`, both inclusive, with or without `bytes ` before and `/…` behind.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let range = header.trim();
        let range = range.strip_prefix("bytes ").unwrap_or(range);
        let range = range.split('/').next().unwrap_or(range);
        let (first, last) = range.split_once('-')?;
        let (start, last) = (number(first)?, number(last)?);
        let len = last.checked_sub(start)?.checked_add(1)?;
        start.checked_add(len).map(|_| Self { start, len })
    }
}

/// Digits only; `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_is_there_of_its_range() {
        use ByteRange::{Part, Unsatisfiable, Whole};
        let cases = [
            ("bytes=0-0", Part { start: 0, len: 1 }),
            ("bytes=2-4", Part { start: 2, len: 3 }),
            ("bytes=2-", Part { start: 2, len: 8 }),
            ("bytes=2-99", Part { start: 2, len: 8 }),
            ("bytes=2-18446744073709551615", Part { start: 2, len: 8 }),
            ("bytes=-3", Part { start: 7, len: 3 }),
            ("bytes=-99", Part { start: 0, len: 10 }),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-12", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=4-2", Whole),
            ("bytes=0-1,3-4", Whole),
            ("bytes=+1-+2", Whole),
            ("bytes=-", Whole),
            ("lines=0-1", Whole),
        ];
        for (header, range) in cases {
            assert_eq!(ByteRange::parse(Some(header), 10), range, "{header}");
        }
        assert_eq!(ByteRange::parse(None, 10), Whole);
        assert_eq!(ByteRange::parse(Some("bytes=0-"), 0), Unsatisfiable);
    }

    #[test]
    fn a_writer_says_first_and_last_byte() {
        assert_eq!(ChunkRange::parse("0-0"), Some(ChunkRange { start: 0, len: 1 }));
        assert_eq!(ChunkRange::parse("5-9"), Some(ChunkRange { start: 5, len: 5 }));
        assert_eq!(ChunkRange::parse("bytes 5-9/10"), Some(ChunkRange { start: 5, len: 5 }));
        for bad in
            ["", "-", "5-", "-5", "9-5", "a-b", "+1-2", "0-18446744073709551615", "1-99999999999999999999"]
        {
            assert_eq!(ChunkRange::parse(bad), None, "{bad}");
        }
    }
}
