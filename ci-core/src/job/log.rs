//! A job's output: bytes as they came, appended to a file, followed by readers who never slow the job down.
//!
//! The file is the only store. A reader keeps an offset of its own and reads the file; the writer only tells how
//! far the file goes and whether it is finished. A reader that is slow, gone or new costs the writer nothing.
//!
//! Of a log that grows too long the head and the end are kept, since the end says why a job failed. The end is held
//! back until the log is finished; then the gap is stated.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::clock;

/// How far a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    bytes: u64,
    finished: bool,
}

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
    file: Mutex<LogFile>,
    extent: watch::Sender<Extent>,
}

struct LogFile {
    /// Opened at the first write: a queued job has no open file.
    file: Option<File>,
    written: u64,
    /// Bytes that could not be written since the last that could.
    lost: u64,
    /// The newest bytes beyond [`Log::BYTES_MAX`], and how many there were before those.
    end: VecDeque<u8>,
    left_out: u64,
    /// Whether the last byte written ended a line, so that our own lines start on a fresh one.
    at_line_start: bool,
}

impl Log {
    /// Of output beyond this only the end is kept.
    pub const BYTES_MAX: u64 = 64 << 20;
    /// How much of the end is kept.
    pub const END_BYTES_MAX: usize = 64 << 10;

    /// Appends to the file at `path`, made when the first byte is written. Its folder is made with it.
    pub fn append_to(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let written = path.metadata().map_or(0, |m| m.len());
        let (end, at_line_start) = (VecDeque::new(), true);
        let file = LogFile { file: None, written, lost: 0, end, left_out: 0, at_line_start };
        let extent = watch::Sender::new(Extent { bytes: written, finished: false });
        Self { shared: Arc::new(Shared { path, file: Mutex::new(file), extent }) }
    }

    /// Where it is on disk.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Adds bytes exactly as they came.
    pub fn write(&self, bytes: &[u8]) {
        self.locked(|log, shared| log.write(shared, bytes));
    }

    /// Adds a line of our own: `2026-11-20 12:43:01 UTC  text`. Text of several lines is indented.
    pub fn line(&self, line: impl fmt::Display) {
        let now = chrono::DateTime::from_timestamp_millis(clock::now_ms() as i64).unwrap_or_default();
        let text = line.to_string().replace('\n', "\n                         ");
        self.locked(|log, shared| {
            let fresh = if log.at_line_start { "" } else { "\n" };
            log.write(shared, format!("{fresh}{}  {text}\n", now.format("%Y-%m-%d %H:%M:%S UTC")).as_bytes());
        });
    }

    /// Says that nothing more comes; followers end, and the file is closed.
    pub fn finish(&self) {
        self.locked(|log, shared| {
            log.write_end(shared);
            log.file = None;
            shared.extent.send_modify(|extent| extent.finished = true);
        });
    }

    /// A reader from `offset` on, which follows until [`Log::finish`].
    pub fn follow(&self, offset: u64) -> LogReader {
        LogReader { path: self.shared.path.clone(), offset, extent: Some(self.shared.extent.subscribe()) }
    }

    fn locked(&self, act: impl FnOnce(&mut LogFile, &Shared)) {
        act(&mut self.shared.file.lock().unwrap_or_else(PoisonError::into_inner), &self.shared);
    }
}

impl LogFile {
    fn write(&mut self, shared: &Shared, bytes: &[u8]) {
        let room = usize::try_from(Log::BYTES_MAX.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        if !head.is_empty() {
            self.write_through(shared, head);
        }
        if rest.is_empty() {
            return;
        }
        if self.end.is_empty() && room > 0 {
            tracing::warn!(log = %shared.path.display(), "a log is full: of what follows only the end is kept");
        }
        let rest_kept = &rest[rest.len().saturating_sub(Log::END_BYTES_MAX)..];
        let too_many = (self.end.len() + rest_kept.len()).saturating_sub(Log::END_BYTES_MAX);
        self.end.drain(..too_many);
        self.end.extend(rest_kept);
        self.left_out += (too_many + rest.len() - rest_kept.len()) as u64;
        self.at_line_start = rest.ends_with(b"\n");
    }

    /// Says what was left out, and adds the end that was held back.
    fn write_end(&mut self, shared: &Shared) {
        let (end, left_out) = (std::mem::take(&mut self.end), std::mem::take(&mut self.left_out));
        if left_out > 0 {
            self.write_through(shared, format!("\n[{left_out} bytes are left out here]\n").as_bytes());
        }
        if !end.is_empty() {
            self.write_through(shared, &Vec::from(end));
        }
    }

    fn write_through(&mut self, shared: &Shared, bytes: &[u8]) {
        let gap = match self.lost {
            0 => Vec::new(),
            lost => format!("\n[{lost} bytes could not be written here]\n").into_bytes(),
        };
        match self.append(shared, &[&gap[..], bytes].concat()) {
            Ok(()) => {
                self.lost = 0;
                self.written += (gap.len() + bytes.len()) as u64;
                self.at_line_start = bytes.ends_with(b"\n");
                let bytes = self.written;
                shared.extent.send_modify(|extent| extent.bytes = bytes);
            }
            Err(error) => {
                // Said once, or what matters would be lost among it.
                if self.lost == 0 {
                    tracing::warn!(log = %shared.path.display(), %error, "job output can't be written");
                }
                self.lost += bytes.len() as u64;
                self.file = None;
            }
        }
    }

    fn append(&mut self, shared: &Shared, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            if let Some(folder) = shared.path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            self.file = Some(OpenOptions::new().create(true).append(true).open(&shared.path)?);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.extent.send_modify(|extent| extent.finished = true);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

/// A reader of a job's log, from an offset on.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    offset: u64,
    /// `None` for the log of a job that is over.
    extent: Option<watch::Receiver<Extent>>,
}

impl LogReader {
    /// The most bytes that one [`LogReader::next`] returns.
    pub const CHUNK_BYTES_MAX: usize = 64 << 10;

    /// A reader of a log that nobody writes any more.
    pub fn of_finished(path: impl Into<PathBuf>, offset: u64) -> Self {
        Self { path: path.into(), offset, extent: None }
    }

    /// Where the next chunk begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, waiting for them; `None` at the end of a finished log. Safe to cancel.
    ///
    /// # Errors
    ///
    /// When the file can't be read. A log that has no file yet is empty, not an error.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            // The extent is read before the file: what was written meanwhile is found by the next turn.
            let finished = match &mut self.extent {
                Some(extent) => extent.borrow_and_update().finished,
                None => true,
            };
            let (path, offset) = (self.path.clone(), self.offset);
            let chunk = tokio::task::spawn_blocking(move || read_at(&path, offset))
                .await
                .map_err(io::Error::other)??;
            if !chunk.is_empty() {
                self.offset += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            match &mut self.extent {
                Some(extent) if !finished => {
                    if extent.changed().await.is_err() {
                        self.extent = None;
                    }
                }
                _ => return Ok(None),
            }
        }
    }
}

fn read_at(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut chunk = Vec::new();
    file.take(LogReader::CHUNK_BYTES_MAX as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}
