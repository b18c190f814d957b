//! A log that is over and kept for long: compressed, and still read from any offset.
//!
//! It is a gzip file, so `zcat` shows it, of members of [`MEMBER_BYTES`] each. A member says in its header how long it is
//! itself; so a reader finds the one that it wants by going from header to header, and unpacks no other.
//!
//! ```text
//! REST.log.gz    header with `CI`, the member's length | deflate | CRC-32, length | …
//! ```
//!
//! It is written under another name, synced, and renamed; only then the log itself is removed. So whenever a crash comes
//! there is one of the two, whole. Where both are there the log counts.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};

/// How many bytes of the log are in each member but the last. To read one byte so many are unpacked.
pub(super) const MEMBER_BYTES: usize = 256 << 10;

/// Magic, deflate, an extra field; time 0, any flags, any system; the extra field's length, its name, and its data's length.
const HEADER: [(usize, &[u8]); 2] = [(0, &[0x1f, 0x8b, 8, 4, 0, 0, 0, 0]), (10, &[8, 0, b'C', b'I', 4, 0])];
/// Where in a header the member's length is.
const LENGTH_AT: usize = 16;
const HEADER_BYTES: usize = LENGTH_AT + 4;
/// The least that a member has, and the most: a header, deflate of nothing or of what is random, CRC-32 and length.
const PACKED_BYTES: RangeInclusive<u64> = HEADER_BYTES as u64 + 2 + 8..=2 * MEMBER_BYTES as u64;

/// Where a log is when it is packed.
pub(super) fn path(log: &Path) -> PathBuf {
    super::beside(log, ".gz")
}

/// Where it is made. One that is found was not finished.
pub(super) fn unfinished(log: &Path) -> PathBuf {
    super::beside(log, ".gz.part")
}

/// Packs a log that nobody writes any more, and says how many bytes that frees. One at a time may do so. Blocking.
pub(super) fn pack(log: &Path) -> io::Result<u64> {
    let part = unfinished(log);
    let packed = pack_by(log, &part);
    if packed.is_err() {
        // On a full disk it would take the last of the room. What failed is told, and not that this did, too.
        _ = std::fs::remove_file(part);
    }
    packed
}

fn pack_by(log: &Path, part: &Path) -> io::Result<u64> {
    let (from, mut to) = (File::open(log)?, File::create(part)?);
    let (mut before, mut after) = (0, 0);
    let mut bytes = Vec::with_capacity(MEMBER_BYTES);
    loop {
        bytes.clear();
        (&from).take(MEMBER_BYTES as u64).read_to_end(&mut bytes)?;
        let member = member(&bytes)?;
        to.write_all(&member)?;
        before += bytes.len();
        after += member.len();
        if bytes.len() < MEMBER_BYTES {
            break;
        }
    }
    // It says when the log was written.
    to.set_modified(from.metadata()?.modified()?)?;
    to.sync_all()?;
    std::fs::rename(part, path(log))?;
    if let Some(folder) = log.parent() {
        File::open(folder)?.sync_all()?;
    }
    std::fs::remove_file(log)?;
    Ok(before.saturating_sub(after) as u64)
}

/// Removes a log, in whatever form. Cut by a crash it leaves it whole, or nothing of it. Blocking.
pub(super) fn remove(log: &Path) -> io::Result<()> {
    // Of two forms the log itself counts: it goes last.
    for path in [unfinished(log), path(log), log.to_owned()] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn member(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let extra = [&b"CI"[..], &[4, 0], &[0; 4]].concat();
    let mut gzip = GzBuilder::new().extra(extra).write(Vec::new(), Compression::default());
    gzip.write_all(bytes)?;
    let mut member = gzip.finish()?;
    let length = u32::try_from(member.len()).map_err(io::Error::other)?;
    member[LENGTH_AT..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(member)
}

/// A packed log, being read.
pub(super) struct Packed {
    file: File,
    /// Where each member begins, and where the last ends.
    starts: Vec<u64>,
    /// How many bytes the log has.
    bytes: u64,
    /// The member that was unpacked last: its number, and what is in it.
    member: Option<(usize, Vec<u8>)>,
}

impl Packed {
    /// `None`: it is not there. Blocking.
    pub(super) fn open(log: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path(log)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let end = file.metadata()?.len();
        let mut starts = vec![0];
        let mut at = 0;
        while at < end {
            let mut header = [0; HEADER_BYTES];
            file.read_exact_at(&mut header, at)?;
            let is_ours = HEADER.iter().all(|(from, bytes)| header[*from..].starts_with(bytes));
            let length = header[LENGTH_AT..].try_into().map_or(0, u32::from_le_bytes).into();
            if !is_ours || !PACKED_BYTES.contains(&length) || at + length > end {
                return Err(damaged(&path(log)));
            }
            at += length;
            starts.push(at);
        }
        let Some(full) = starts.len().checked_sub(2) else { return Err(damaged(&path(log))) };
        let mut last = [0; 4];
        file.read_exact_at(&mut last, end - 4)?;
        let bytes = (full * MEMBER_BYTES) as u64 + u64::from(u32::from_le_bytes(last));
        Ok(Some(Self { file, starts, bytes, member: None }))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills the front of `to`, and says how much of it: 0 only at the end. Blocking.
    pub(super) fn read_at(&mut self, to: &mut [u8], from: u64) -> io::Result<usize> {
        let number = usize::try_from(from / MEMBER_BYTES as u64).unwrap_or(usize::MAX);
        let within = (from % MEMBER_BYTES as u64) as usize;
        if number >= self.starts.len() - 1 {
            return Ok(0);
        }
        if self.member.as_ref().is_none_or(|(unpacked, _)| *unpacked != number) {
            self.member = Some((number, self.unpacked(number)?));
        }
        let bytes = self.member.as_ref().and_then(|(_, bytes)| bytes.get(within..)).unwrap_or_default();
        let read = bytes.len().min(to.len());
        to[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn unpacked(&self, number: usize) -> io::Result<Vec<u8>> {
        let (start, end) = (self.starts[number], self.starts[number + 1]);
        let mut packed = vec![0; (end - start) as usize];
        self.file.read_exact_at(&mut packed, start)?;
        let mut bytes = Vec::with_capacity(MEMBER_BYTES);
        // One more than there may be: a damaged one is not let grow.
        GzDecoder::new(&packed[..]).take(MEMBER_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        let is_last = number + 2 == self.starts.len();
        let wanted = if is_last { (self.bytes % MEMBER_BYTES as u64) as usize } else { MEMBER_BYTES };
        if bytes.len() == wanted { Ok(bytes) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

fn damaged(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} is no packed log", path.display()))
}
