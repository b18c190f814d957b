//! Where a log was when: places in it, with their times, in a file beside it.
//!
//! They are noted while the log is written, and say what a reader could find out by going through the log from its
//! beginning (which line begins where) or not at all (when it was written). Reading goes from the last mark that is before
//! what is looked for. So a mark that is missing costs a reader a longer way, and nothing else: a file that is torn is
//! good up to there, and one that is gone can be done without.
//!
//! ```text
//! REST.log.marks    bytes before, 8 | line feeds before, 8 | Unix milliseconds, 8 | CRC-32 of those, 4 | …   little-endian
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A place between two bytes of a log: as many bytes before it, and line feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub bytes: u64,
    /// Line feeds before it.
    pub lines: u64,
}

/// What comes before this place was written before this time, and what comes after it was written after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) place: Place,
    /// Unix milliseconds. Of one log's marks it never goes back, whatever becomes of the clock.
    pub(super) at_ms: u64,
}

/// How far apart marks are, bytes: so much a reader goes through at most.
pub(super) const EVERY_BYTES: u64 = 64 << 10;
/// How far apart they are in time, milliseconds, unless much is written ...
const EVERY_MS: u64 = 1000;
/// ... or the log is older than as many times that: the time of a line is known to a thousandth of the time since the
/// first. So as many marks are made in the first quarter of an hour as in its next twenty.
const AGE_PARTS: u64 = 1000;
/// How many marks there are at most: what is written after the last has no times.
pub(super) const MARKS_MAX: usize = 16 << 10;

const RECORD_BYTES: usize = 28;

/// Where the marks of a log are.
pub(super) fn path(log: &Path) -> PathBuf {
    super::beside(log, ".marks")
}

impl Mark {
    fn record(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        let numbers = [self.place.bytes, self.place.lines, self.at_ms];
        for (to, number) in record.chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        let sum = crc32fast::hash(&record[..24]);
        record[24..].copy_from_slice(&sum.to_le_bytes());
        record
    }

    fn of(record: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_le_bytes(record.get(at..at + 8)?.try_into().ok()?));
        let sum = u32::from_le_bytes(record.get(24..28)?.try_into().ok()?);
        if sum != crc32fast::hash(&record[..24]) {
            return None;
        }
        Some(Self { place: Place { bytes: number(0)?, lines: number(8)? }, at_ms: number(16)? })
    }

    /// Whether it can come after another.
    fn follows(&self, before: &Self) -> bool {
        self.place.bytes > before.place.bytes
            && self.place.lines >= before.place.lines
            && self.at_ms >= before.at_ms
    }
}

/// The marks of a log that has so many bytes, up to the first that can't be read. Blocking.
pub(super) fn read(log: &Path, bytes: u64) -> io::Result<Vec<Mark>> {
    let file = match File::open(path(log)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut records = Vec::new();
    file.take((MARKS_MAX * RECORD_BYTES) as u64).read_to_end(&mut records)?;
    let mut marks = Vec::<Mark>::new();
    for record in records.chunks_exact(RECORD_BYTES) {
        match Mark::of(record) {
            Some(mark) if mark.place.bytes <= bytes && marks.last().is_none_or(|last| mark.follows(last)) => {
                marks.push(mark);
            }
            _ => break,
        }
    }
    Ok(marks)
}

/// Makes marks while a log is written.
#[derive(Default)]
pub(super) struct Marker {
    file: Option<File>,
    made: usize,
    first: Option<Mark>,
    last: Option<Mark>,
    /// Writing failed: what is behind that could not be told from what is torn.
    given_up: bool,
}

impl Marker {
    /// Goes on behind the marks that a log has.
    pub(super) fn resumed(marks: &[Mark]) -> Self {
        let (first, last) = (marks.first().copied(), marks.last().copied());
        Self { made: marks.len(), first, last, ..Self::default() }
    }

    /// What is written next goes there. Makes a mark if it is time for one.
    pub(super) fn pass(&mut self, log: &Path, place: Place, now_ms: u64) {
        let at_ms = now_ms.max(self.last.map_or(0, |last| last.at_ms));
        let mark = Mark { place, at_ms };
        let (Some(first), Some(last)) = (self.first, self.last) else {
            // Of a log that is short and soon written this is all there is to say, so it is not worth a file.
            (self.first, self.last) = (Some(mark), Some(mark));
            return;
        };
        let is_far = place.bytes - last.place.bytes >= EVERY_BYTES;
        let is_late = at_ms - last.at_ms >= EVERY_MS.max((at_ms - first.at_ms) / AGE_PARTS);
        if self.given_up || self.made >= MARKS_MAX || !(is_far || is_late && place.bytes > last.place.bytes) {
            return;
        }
        if let Err(error) = self.make(log, mark) {
            tracing::warn!(log = %log.display(), %error, "the times of a log can't be noted");
            self.given_up = true;
        }
    }

    fn make(&mut self, log: &Path, mark: Mark) -> io::Result<()> {
        let mut records = Vec::with_capacity(2 * RECORD_BYTES);
        if self.made == 0 {
            records.extend(self.first.iter().flat_map(Mark::record));
        }
        records.extend(mark.record());
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path(log))?;
                // What can't be read goes.
                file.set_len((self.made * RECORD_BYTES) as u64)?;
                file.seek(SeekFrom::End(0))?;
                self.file.insert(file)
            }
        };
        file.write_all(&records)?;
        self.made += records.len() / RECORD_BYTES;
        self.last = Some(mark);
        Ok(())
    }

    /// Closes its file until something is written again.
    pub(super) fn rest(&mut self) {
        self.file = None;
    }
}
