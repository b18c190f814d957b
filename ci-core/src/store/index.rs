//! What we ask: the rows in sled, or in memory when sled can't be used.
//!
//! sled 0.34 may lose what it flushed when the power goes, loses tails and holes of a cut file without a word,
//! panics on others, and does not open on a full disk. So it is believed only after [`Index::close`] wrote down the
//! checksum of each of its files, and as long as they are still the same; anything else is thrown away and rebuilt
//! from the journal: see [`moving`](super::moving).

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rows::{Changes, IndexError, Memory, Row, Rows};
use super::sums::{self, Sum};

/// Of the rows' format. Another one is rebuilt.
const INDEX_VERSION: u32 = 3;
/// How much of it sled may hold in memory, bytes.
const CACHE_BYTES: u64 = 4 << 20;

/// The rows, wherever they are.
pub(super) enum Index {
    Sled(sled::Db),
    Memory(Memory),
    Closed,
}

/// What the files were when sled was closed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Clean {
    version: u32,
    /// The sequence number of the last record applied.
    pub(super) applied: u64,
    files: Vec<Sum>,
}

impl Clean {
    fn of(folder: &Path, applied: u64) -> io::Result<Self> {
        Ok(Self { version: INDEX_VERSION, applied, files: sums::below(folder)? })
    }

    /// Reads the note and removes it: from now on the index is not known to be whole. `None` when there is none, or
    /// the files are not as it says.
    ///
    /// # Errors
    ///
    /// When it can't be removed.
    pub(super) fn take(note: &Path, folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(note) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        fs::remove_file(note)?;
        sync_parent(note)?;
        let clean: Option<Self> = sums::noted(&text);
        Ok(clean.filter(|clean| Self::of(folder, clean.applied).is_ok_and(|now| now == *clean)))
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

impl Index {
    /// Opens what is in the folder, or makes it.
    pub(super) fn open(folder: &Path) -> Result<Self, IndexError> {
        // Nothing is flushed while it runs: what was not closed is not believed anyway.
        let config = sled::Config::new()
            .path(folder)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        guarded(|| config.open()).map(Self::Sled)
    }

    /// Makes all changes. After an error nothing can be asked: only some of them may have been made.
    pub(super) fn commit(&mut self, changes: Changes) -> Result<(), IndexError> {
        let made = match self {
            // One by one in the order of their keys: sled's own batches go by hash, which costs a sixth more in all.
            Self::Sled(db) => guarded(|| {
                for (key, value) in changes {
                    match value {
                        Some(value) => db.insert(key, value)?,
                        None => db.remove(key)?,
                    };
                }
                Ok(())
            }),
            Self::Memory(rows) => {
                for (key, value) in changes {
                    match value {
                        Some(value) => rows.insert(key, value),
                        None => rows.remove(&key),
                    };
                }
                Ok(())
            }
            Self::Closed => Err(closed()),
        };
        if made.is_err() {
            // The error that counts is that of the changes.
            let _ = self.shut();
        }
        made
    }

    /// At most so many rows from a key on, if they are in memory.
    pub(super) fn rows_from(&self, key: &[u8], rows: usize) -> Result<Vec<Row>, IndexError> {
        let Self::Memory(memory) = self else { return Err(closed()) };
        let rest = memory.range::<[u8], _>((Bound::Included(key), Bound::Unbounded));
        Ok(rest.take(rows).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// Lets go of the files. Nothing can be asked afterwards.
    pub(super) fn shut(&mut self) -> Result<(), IndexError> {
        match std::mem::replace(self, Self::Closed) {
            Self::Sled(db) => guarded(|| {
                let flushed = db.flush();
                drop(db);
                flushed.map(drop)
            }),
            Self::Memory(_) => Err(IndexError("it is only in memory".to_owned())),
            Self::Closed => Err(closed()),
        }
    }

    /// [`Index::shut`], and notes that what is in the folder can be believed.
    pub(super) fn close(&mut self, folder: &Path, note: &Path, applied: u64) -> Result<(), IndexError> {
        self.shut()?;
        let clean = Clean::of(folder, applied).map_err(io_error)?;
        let text = sums::note(&clean).map_err(io_error)?;
        fs::write(note, text).map_err(io_error)
    }
}

fn io_error(error: io::Error) -> IndexError {
    IndexError(error.to_string())
}

fn closed() -> IndexError {
    IndexError("the index is closed".to_owned())
}

/// sled panics where others return an error.
fn guarded<T>(act: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(IndexError(format!("sled: {error}"))),
        Err(_) => Err(IndexError("sled panicked".to_owned())),
    }
}

impl Rows for Index {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self {
            Self::Sled(db) => Ok(guarded(|| db.get(key))?.map(|value| value.to_vec())),
            Self::Memory(rows) => Rows::get(rows, key),
            Self::Closed => Err(closed()),
        }
    }

    fn at_or_after(&self, prefix: &[u8], from: &[u8]) -> Result<Option<Row>, IndexError> {
        match self {
            Self::Sled(db) => {
                let row = guarded(|| db.range(from..).next().transpose())?;
                Ok(row.filter(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.to_vec(), v.to_vec())))
            }
            Self::Memory(rows) => rows.at_or_after(prefix, from),
            Self::Closed => Err(closed()),
        }
    }

    fn before(&self, prefix: &[u8], end: &[u8]) -> Result<Option<Row>, IndexError> {
        match self {
            Self::Sled(db) => {
                let row = guarded(|| db.range(..end).next_back().transpose())?;
                Ok(row.filter(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.to_vec(), v.to_vec())))
            }
            Self::Memory(rows) => rows.before(prefix, end),
            Self::Closed => Err(closed()),
        }
    }
}
