//! Reading a log from an offset on, to its end, however long that takes to come.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::LogText;
use crate::signal::Signal;

/// How far a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) finished: bool,
}

/// A reader of a job's log, from an offset on.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    offset: u64,
    /// `None` for the log of a job that is over.
    extent: Option<Arc<Signal<Extent>>>,
    /// Kept open only where nothing is waited for: who follows may do so for days.
    text: Option<LogText>,
}

impl LogReader {
    /// The most bytes that one [`LogReader::next`] returns.
    pub const CHUNK_BYTES_MAX: usize = 64 << 10;

    /// A reader of a log that nobody writes any more.
    pub fn of_finished(path: impl Into<PathBuf>, offset: u64) -> Self {
        Self { path: path.into(), offset, extent: None, text: None }
    }

    pub(super) fn following(path: PathBuf, offset: u64, extent: Arc<Signal<Extent>>) -> Self {
        Self { path, offset, extent: Some(extent), text: None }
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
            let before = self.extent.as_ref().map(|extent| extent.look(|extent| *extent));
            let chunk = self.read().await?;
            if !chunk.is_empty() {
                self.offset += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            match (&self.extent, before) {
                (Some(extent), Some(before)) if !before.finished => {
                    extent.wait_for(|now| (*now != before).then_some(())).await;
                }
                _ => return Ok(None),
            }
        }
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        let (path, offset, text) = (self.path.clone(), self.offset, self.text.take());
        let read = move || {
            let text = match text {
                Some(text) => Some(text),
                None => LogText::open(&path)?,
            };
            let Some(mut text) = text else { return Ok((None, Vec::new())) };
            let chunk = text.read(offset, Self::CHUNK_BYTES_MAX)?;
            Ok::<_, io::Error>((Some(text), chunk))
        };
        let (text, chunk) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        if self.extent.is_none() {
            self.text = text;
        }
        Ok(chunk)
    }
}
