//! A job's output: bytes as they came, appended to a file, followed by readers who never slow the job down.
//!
//! The file is the only store. A reader keeps an offset of its own and reads the file; the writer only tells how
//! far the file goes and whether it is finished. A reader that is slow, gone or new costs the writer nothing. Beside the
//! file are [`marks`], by which a reader finds a line or a time without going through all that comes before.
//!
//! Of a log that grows too long the head and the end are kept, since the end says why a job failed. The end is held
//! back until the log is finished; where it is cut, and how much is left out, stands in the log.
//!
//! Secrets are masked before the first byte is written: see [`crate::secret`].

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use self::end::End;
use self::marks::Marker;
pub use self::marks::Place;
use self::reader::Extent;
pub use self::reader::LogReader;
pub use self::text::LogText;
use crate::clock;
use crate::secret::{Masker, Secrets};
use crate::signal::Signal;

mod end;
mod marks;
mod packed;
mod reader;
#[cfg(test)]
mod tests;
mod text;

/// The writing end of a job's log. Clones write to the same file.
///
/// Writing never fails to its caller: a full disk must not change what an operation does. How much could not be written
/// is said in the log as soon as writing works again.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    secrets: Secrets,
    file: Mutex<LogFile>,
    extent: Arc<Signal<Extent>>,
}

struct LogFile {
    /// What it holds back is lost if the log is never finished, as by a crash: who writes on reads it again.
    masker: Masker,
    /// Opened at the first write, and after each [`Log::rest`]: a job that waits has no open file.
    file: Option<File>,
    /// How far the file goes. Before it is opened for the first time the lines are not known.
    written: Place,
    is_counted: bool,
    marker: Marker,
    /// Bytes that could not be written since the last that could.
    lost: u64,
    /// What comes beyond [`Log::BYTES_MAX`].
    end: Option<End>,
    /// Whether the last byte written ended a line, so that our own lines start on a fresh one.
    at_line_start: bool,
}

impl Log {
    /// Of output beyond this only the end is kept.
    pub const BYTES_MAX: u64 = 64 << 20;
    /// How much of the end is kept.
    pub const END_BYTES_MAX: usize = 1 << 20;
    /// What stands where a log is cut.
    const CUT: &str = "\n[from here on only the end is kept, and shown when the job is over]\n";

    /// Appends to the file at `path`, made when the first byte is written. Its folder is made with it.
    pub fn append_to(path: impl Into<PathBuf>) -> Self {
        Self::masked(path, Secrets::default())
    }

    /// [`Log::append_to`], where none of `secrets` is ever written, nor those that are added to them meanwhile. Output keeps
    /// its length: see [`Masker`].
    pub fn masked(path: impl Into<PathBuf>, secrets: Secrets) -> Self {
        let path = path.into();
        let bytes = path.metadata().map_or(0, |m| m.len());
        let file = LogFile {
            masker: secrets.masker(),
            file: None,
            written: Place { bytes, lines: 0 },
            is_counted: bytes == 0,
            marker: Marker::default(),
            lost: 0,
            end: (bytes > Self::BYTES_MAX).then(End::default),
            at_line_start: true,
        };
        let extent = Arc::new(Signal::new(Extent { bytes, finished: false }));
        Self { shared: Arc::new(Shared { path, secrets, file: Mutex::new(file), extent }) }
    }

    /// Where it is on disk.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// What is masked in it.
    pub fn secrets(&self) -> &Secrets {
        &self.shared.secrets
    }

    /// Adds bytes exactly as they came, but for secrets. What may be the beginning of one is seen when more comes.
    pub fn write(&self, bytes: &[u8]) {
        self.locked(|log, shared| {
            let shown = log.masker.push(bytes);
            log.write(shared, &shown);
        });
    }

    /// Adds a line of our own: `2026-11-20 12:43:01 UTC  text`, by the wall clock. It begins on a line of its own, and what of
    /// it are further lines is indented.
    pub fn line(&self, line: impl fmt::Display) {
        let now = chrono::DateTime::from_timestamp_millis(clock::now_ms() as i64).unwrap_or_default();
        let text = line.to_string();
        let text = self.shared.secrets.text(&text).replace('\n', "\n                         ");
        self.locked(|log, shared| {
            log.write_held(shared);
            if !log.is_counted {
                // Should that fail, writing does, and is told.
                _ = log.open(&shared.path);
            }
            let fresh = if log.at_line_start { "" } else { "\n" };
            log.write(shared, format!("{fresh}{}  {text}\n", now.format("%Y-%m-%d %H:%M:%S UTC")).as_bytes());
        });
    }

    /// Closes the file until something is written again. For a job that waits: many may, for long.
    pub fn rest(&self) {
        self.locked(|log, _| log.close());
    }

    /// What follows the file's last byte when the log is finished: empty, unless it is too long.
    pub(crate) fn held_back(&self) -> Vec<u8> {
        self.shared.file.lock().unwrap_or_else(PoisonError::into_inner).held_back()
    }

    /// Writes what is held back, and closes the file until something more is written. Followers go on.
    pub(crate) fn settle(&self) {
        self.locked(LogFile::settle);
    }

    /// Says that nothing more comes; followers end, and the file is closed.
    pub fn finish(&self) {
        self.locked(|log, shared| {
            log.settle(shared);
            shared.extent.update(|extent| extent.finished = true);
        });
    }

    /// A reader from `offset` on, which follows until [`Log::finish`].
    pub fn follow(&self, offset: u64) -> LogReader {
        LogReader::following(self.shared.path.clone(), offset, self.shared.extent.clone())
    }

    fn locked(&self, act: impl FnOnce(&mut LogFile, &Shared)) {
        act(&mut self.shared.file.lock().unwrap_or_else(PoisonError::into_inner), &self.shared);
    }
}

impl LogFile {
    fn write(&mut self, shared: &Shared, bytes: &[u8]) {
        let room = usize::try_from(Log::BYTES_MAX.saturating_sub(self.written.bytes)).unwrap_or(usize::MAX);
        let (head, rest) = bytes.split_at(bytes.len().min(if self.end.is_some() { 0 } else { room }));
        if !head.is_empty() {
            self.write_through(shared, head);
        }
        if rest.is_empty() {
            return;
        }
        if self.end.is_none() {
            tracing::warn!(log = %shared.path.display(), "a log is full: of what follows only the end is kept");
            self.write_through(shared, Log::CUT.as_bytes());
        }
        self.end.get_or_insert_default().push(rest);
        self.at_line_start = rest.ends_with(b"\n");
    }

    /// Adds what was held back of an output that ends here, or is interrupted.
    fn write_held(&mut self, shared: &Shared) {
        let held = self.masker.cut();
        self.write(shared, &held);
    }

    fn settle(&mut self, shared: &Shared) {
        self.write_held(shared);
        self.write_end(shared);
        self.close();
    }

    /// Says what was left out, and adds the end that was held back.
    fn write_end(&mut self, shared: &Shared) {
        let end = self.held_back();
        self.end = self.end.take().map(|_| End::default());
        if !end.is_empty() {
            self.write_through(shared, &end);
        }
    }

    fn held_back(&self) -> Vec<u8> {
        self.end.as_ref().map(End::told).unwrap_or_default()
    }

    fn write_through(&mut self, shared: &Shared, bytes: &[u8]) {
        match self.append(shared, bytes) {
            Ok(()) => {
                self.lost = 0;
                self.at_line_start = bytes.ends_with(b"\n");
                let bytes = self.written.bytes;
                shared.extent.update(|extent| extent.bytes = bytes);
            }
            Err(error) => {
                // Said once, or what matters would be lost among it.
                if self.lost == 0 {
                    tracing::warn!(log = %shared.path.display(), %error, "job output can't be written");
                }
                self.lost += bytes.len() as u64;
                self.close();
            }
        }
    }

    /// Appends, after what is to be said of bytes that were lost before.
    fn append(&mut self, shared: &Shared, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.open(&shared.path)?;
        }
        self.marker.pass(&shared.path, self.written, clock::now_ms());
        if self.lost > 0 {
            let gap = format!("\n[{} bytes could not be written here]\n", self.lost);
            self.append_as_is(&[gap.as_bytes(), bytes].concat())
        } else {
            self.append_as_is(bytes)
        }
    }

    fn append_as_is(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.written.bytes += bytes.len() as u64;
        self.written.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        Ok(())
    }

    fn open(&mut self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        if !self.is_counted || bytes != self.written.bytes {
            self.go_on(path, bytes)?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Goes on with a file that another process wrote, or in which a write of ours ended half-way.
    fn go_on(&mut self, path: &Path, bytes: u64) -> io::Result<()> {
        self.lost = self.lost.saturating_sub(bytes.saturating_sub(self.written.bytes));
        self.written = Place { bytes, lines: 0 };
        if let Some(mut text) = LogText::open(path)? {
            self.written = text.place(bytes)?;
            self.at_line_start = bytes == 0 || text.read(bytes - 1, 1)? == b"\n";
        }
        // Without them a reader has a longer way, and the log is what matters.
        self.marker = Marker::resumed(&marks::read(path, bytes).unwrap_or_default());
        self.is_counted = true;
        Ok(())
    }

    fn close(&mut self) {
        self.file = None;
        self.marker.rest();
    }
}

/// A file that belongs to a log, in the same folder.
fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.extent.update(|extent| extent.finished = true);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("path", &self.shared.path).finish_non_exhaustive()
    }
}
