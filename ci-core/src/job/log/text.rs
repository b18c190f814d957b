//! A log that is read here and there.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::marks::{self, Mark, Place};
use super::packed::{self, Packed};

/// A job's log as it is on disk, packed or not, whether it is still written or not: read from any byte, line or time on.
///
/// What it takes does not grow with the log: to find a line it goes from the last mark before it, of which there is one
/// each 64 KiB (see the log's index, `REST.log.marks`). Where the marks are gone it goes from the beginning, and finds the
/// same. All of it blocks.
pub struct LogText {
    log: PathBuf,
    source: Source,
    bytes: u64,
    /// Read when they are first needed.
    marks: Option<Vec<Mark>>,
}

enum Source {
    Plain(File),
    Packed(Packed),
}

impl LogText {
    /// How much is gone through at a time.
    const PIECE_BYTES: usize = 64 << 10;

    /// Opens the log that is, or was, written at a path; `None` where nothing was written yet, or nothing is kept.
    ///
    /// # Errors
    ///
    /// When it can't be read, or is damaged.
    pub fn open(log: &Path) -> io::Result<Option<Self>> {
        let found = |source, bytes| Self { log: log.to_owned(), source, bytes, marks: None };
        let plain = || match File::open(log) {
            Ok(file) => {
                let bytes = file.metadata()?.len();
                Ok(Some(found(Source::Plain(file), bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        if let Some(plain) = plain()? {
            return Ok(Some(plain));
        }
        Ok(Packed::open(log)?.map(|packed| {
            let bytes = packed.bytes();
            found(Source::Packed(packed), bytes)
        }))
    }

    /// Whether there is anything to open.
    pub fn is_kept(log: &Path) -> bool {
        log.exists() || packed::path(log).exists()
    }

    /// Where the log that was written at a path is when it is packed.
    pub(crate) fn packed(log: &Path) -> PathBuf {
        packed::path(log)
    }

    /// Packs the log of a job that is over: it reads the same. Says how many bytes that frees.
    pub(crate) fn pack(log: &Path) -> io::Result<u64> {
        packed::pack(log)
    }

    /// Removes a log, and what belongs to it.
    pub(crate) fn remove(log: &Path) -> io::Result<()> {
        match std::fs::remove_file(marks::path(log)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => packed::remove(log),
        }
    }

    /// How many bytes it had when it was opened.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// At most so many bytes from an offset on; none only at the end.
    ///
    /// # Errors
    ///
    /// When it can't be read, or is damaged.
    pub fn read(&mut self, from: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; bytes_max];
        let mut read = 0;
        while read < bytes_max {
            match self.read_at(&mut bytes[read..], from + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Where the line begins that comes after so many others; where the last begins if there are not so many.
    ///
    /// # Errors
    ///
    /// When it can't be read, or is damaged.
    pub fn line(&mut self, lines: u64) -> io::Result<Place> {
        // Where the one before ends is behind the last mark that has fewer lines before it.
        let from = self.last_mark(|mark| mark.place.lines < lines);
        let (mut at, mut begin) = (from, None);
        while at.lines < lines {
            let piece = self.read(at.bytes, Self::PIECE_BYTES)?;
            if piece.is_empty() {
                break;
            }
            for end in memchr::memchr_iter(b'\n', &piece) {
                at.lines += 1;
                begin = Some(Place { bytes: at.bytes + end as u64 + 1, lines: at.lines });
                if at.lines == lines {
                    break;
                }
            }
            at.bytes += piece.len() as u64;
        }
        begin.map_or_else(|| self.line_of(from), Ok)
    }

    /// The place after so many bytes, or the end.
    ///
    /// # Errors
    ///
    /// When it can't be read, or is damaged.
    pub fn place(&mut self, bytes: u64) -> io::Result<Place> {
        let mut at = self.last_mark(|mark| mark.place.bytes <= bytes);
        while at.bytes < bytes {
            let left = usize::try_from(bytes - at.bytes).unwrap_or(usize::MAX);
            let piece = self.read(at.bytes, Self::PIECE_BYTES.min(left))?;
            if piece.is_empty() {
                break;
            }
            at.bytes += piece.len() as u64;
            at.lines += memchr::memchr_iter(b'\n', &piece).count() as u64;
        }
        Ok(at)
    }

    /// Where the line begins that was written at a time, Unix milliseconds, or the last that was before; the first, if all
    /// came later. Known to a second or, in a log of many hours, to a thousandth of the time since its beginning.
    ///
    /// # Errors
    ///
    /// When it can't be read, or is damaged.
    pub fn at(&mut self, time_ms: u64) -> io::Result<Place> {
        let mark = self.last_mark(|mark| mark.at_ms <= time_ms);
        self.line_of(mark)
    }

    /// Where the line begins in which this place is.
    fn line_of(&mut self, place: Place) -> io::Result<Place> {
        let mut end = place.bytes;
        while end > 0 {
            let from = end.saturating_sub(Self::PIECE_BYTES as u64);
            let piece = self.read(from, (end - from) as usize)?;
            if let Some(last) = memchr::memrchr(b'\n', &piece) {
                end = from + last as u64 + 1;
                break;
            }
            end = from;
        }
        Ok(Place { bytes: end, lines: place.lines })
    }

    /// The last mark of which this holds, as it does of all before. Marks that can't be read are none.
    fn last_mark(&mut self, is_before: impl Fn(&Mark) -> bool) -> Place {
        let marks = match &mut self.marks {
            Some(marks) => marks,
            none => none.insert(marks::read(&self.log, self.bytes).unwrap_or_default()),
        };
        let before = marks.partition_point(is_before);
        before.checked_sub(1).map_or(Place::default(), |last| marks[last].place)
    }

    fn read_at(&mut self, to: &mut [u8], from: u64) -> io::Result<usize> {
        match &mut self.source {
            Source::Plain(file) => loop {
                match file.read_at(to, from) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => return read,
                }
            },
            Source::Packed(packed) => packed.read_at(to, from),
        }
    }
}

impl fmt::Debug for LogText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogText").field("log", &self.log).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
