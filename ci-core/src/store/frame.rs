//! How a record lies in a file, and how records are found again in a damaged one.
//!
//! ```text
//! magic 4 | crc32 4 | length 4 | version 2 | sequence 8 | payload (JSON, `length` bytes)     little endian
//! ```
//!
//! The checksum covers everything after itself. The magic starts and ends with bytes that never stand in UTF-8, so
//! no payload can hold it: after a frame that does not check, the reader looks for the next magic whose frame does,
//! and what lies between is told as damage. The framing never changes: a program that needs another one writes
//! a frame of a newer version here, which older programs refuse.

use std::io::{self, Read};
use std::ops::Range;

/// Largest payload, bytes. Records are small (logs and artifacts are files); this bounds what a damaged length can
/// make a reader hold.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

const MAGIC: [u8; 4] = [0xff, b'c', b'i', 0xfe];
const HEADER_BYTES: usize = 22;
/// How much is read from the file at once.
const CHUNK_BYTES: usize = 64 << 10;

/// The bytes of one frame, added to `out`. The payload is at most [`RECORD_BYTES_MAX`] long.
pub(super) fn encode(out: &mut Vec<u8>, version: u16, sequence: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("because payloads are bounded before they are framed");
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(payload);
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// One good frame.
pub(super) struct Frame<'a> {
    /// Where it lies in its file.
    pub(super) at: Range<u64>,
    pub(super) version: u16,
    pub(super) sequence: u64,
    /// All of it, header and payload.
    pub(super) bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }
}

/// What comes next in a file.
pub(super) enum Found<'a> {
    Frame(Frame<'a>),
    /// Bytes that are no frame. `last` when no frame follows them.
    Bad {
        at: Range<u64>,
        last: bool,
    },
}

/// Reads frame after frame, holding one frame and one chunk in memory.
pub(super) struct Frames<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    next: usize,
    /// Where in the file the buffer begins.
    base: u64,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), next: 0, base: 0 }
    }

    /// The next frame or the next bad bytes; `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        if let Some(length) = self.frame_at_next()? {
            let start = self.next;
            self.next += length;
            let bytes = &self.buffer[start..start + length];
            let at = self.base + start as u64..self.base + (start + length) as u64;
            return Ok(Some(Found::Frame(Frame {
                at,
                version: u16::from_le_bytes([bytes[12], bytes[13]]),
                sequence: read_u64(&bytes[14..22]),
                bytes,
            })));
        }
        let start = self.base + self.next as u64;
        if !self.fill(1)? {
            return Ok(None);
        }
        loop {
            self.next += 1;
            let rest = &self.buffer[self.next..];
            // Keep a possible beginning of a magic at the end of the buffer.
            self.next += rest.iter().position(|byte| *byte == MAGIC[0]).unwrap_or(rest.len());
            let last = !self.fill(1)?;
            if last || self.frame_at_next()?.is_some() {
                return Ok(Some(Found::Bad { at: start..self.base + self.next as u64, last }));
            }
        }
    }

    /// The length of the good frame at `next`, if there is one.
    fn frame_at_next(&mut self) -> io::Result<Option<usize>> {
        if !self.fill(HEADER_BYTES)? {
            return Ok(None);
        }
        let header = &self.buffer[self.next..];
        let length = read_u32(&header[8..12]) as usize;
        if header[..4] != MAGIC || length > RECORD_BYTES_MAX || !self.fill(HEADER_BYTES + length)? {
            return Ok(None);
        }
        let frame = &self.buffer[self.next..self.next + HEADER_BYTES + length];
        let good = crc32fast::hash(&frame[8..]) == read_u32(&frame[4..8]);
        Ok(good.then_some(frame.len()))
    }

    /// Whether `wanted` bytes lie in the buffer from `next` on, after reading what is needed.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.buffer.len() - self.next >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.next);
        self.base += self.next as u64;
        self.next = 0;
        while self.buffer.len() < wanted {
            let chunk = (wanted - self.buffer.len()).max(CHUNK_BYTES) as u64;
            if self.input.by_ref().take(chunk).read_to_end(&mut self.buffer)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("because the slice is four bytes long"))
}

fn read_u64(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("because the slice is eight bytes long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Good = Vec<(u64, Vec<u8>)>;
    type Bad = Vec<(Range<u64>, bool)>;

    fn read(bytes: &[u8]) -> (Good, Bad) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let mut frames = Frames::new(bytes);
        while let Some(found) = frames.next().unwrap() {
            match found {
                Found::Frame(frame) => good.push((frame.sequence, frame.payload().to_vec())),
                Found::Bad { at, last } => bad.push((at, last)),
            }
        }
        (good, bad)
    }

    #[test]
    fn bad_bytes_lose_only_themselves() {
        let mut bytes = b"rubbish\xff".to_vec();
        encode(&mut bytes, 1, 7, b"seven");
        let eight = bytes.len();
        encode(&mut bytes, 1, 8, b"eight");
        let nine = bytes.len();
        encode(&mut bytes, 1, 9, &vec![b'9'; 3 * CHUNK_BYTES]);
        let end = bytes.len();
        bytes.extend_from_slice(&MAGIC);
        bytes[eight + 9] ^= 0xff; // its length is now beyond the end of the file
        let (good, bad) = read(&bytes);
        assert_eq!(good, [(7, b"seven".to_vec()), (9, vec![b'9'; 3 * CHUNK_BYTES])]);
        let (eight, nine, end) = (eight as u64, nine as u64, end as u64);
        assert_eq!(bad, [(0..8, false), (eight..nine, false), (end..end + 4, true)]);
    }

    #[test]
    fn long_rubbish_is_one_piece_of_damage() {
        let mut bytes = vec![0xff; 5 * CHUNK_BYTES + 3];
        encode(&mut bytes, 1, 1, b"one");
        assert_eq!(read(&bytes), (vec![(1, b"one".to_vec())], vec![(0..5 * CHUNK_BYTES as u64 + 3, false)]));
        assert_eq!(read(&[]), (vec![], vec![]));
    }
}
