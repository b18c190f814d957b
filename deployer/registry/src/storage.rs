//! The registry's directory.
//!
//! ```text
//! lock                                     held by the process that serves this directory
//! port                                     the port it is served at, decimal (see server.rs)
//! tmp/                                     unfinished files; emptied when the directory is opened
//! blobs/sha256/ab/<64 hex digits>          bytes of blobs and manifests, each stored once
//! repositories/<name>/_blobs/<hex>         empty: this repository holds this blob
//! repositories/<name>/_manifests/<hex>     media type: this repository holds this manifest
//! repositories/<name>/_tags/<tag>          digest: this tag names this manifest
//! ```
//!
//! A name's component never begins with `_`, so repositories nest without clashes.
//!
//! Every file appears whole: it is written below `tmp/`, synced, renamed, and its directory is synced. Bytes come
//! before the links to them and children before parents, so whatever moment the power fails at, what is linked is
//! there; the worst that is left is a blob without a link. Links change under one lock: whoever reads a link to
//! decide on another sees no half of a push or a removal.
//!
//! Everything here blocks.

mod blobs;
mod durable;
mod links;
mod manifests;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

pub(crate) use durable::write as write_durably;
pub(crate) use links::tagged;
pub(crate) use manifests::{PutError, Reference};

/// The directory, owned by this process.
pub(crate) struct Storage {
    root: PathBuf,
    /// Held while links are read to change others. It guards files, so a panic leaves nothing torn in memory.
    links: Mutex<()>,
    /// The lock goes with the file.
    _lock: File,
}

/// Why a directory can't be opened as a registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Two processes would remove each other's uploads.
    #[error("{} is served by another process; stop that one, or choose another directory", .0.display())]
    InUse(PathBuf),
    /// The directory can't be read or written.
    #[error("can't open the registry's directory: {0}")]
    Storage(#[from] StorageError),
}

/// What the disk did not do, or did not keep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what was written. It is never served.
    #[error("{} is damaged: {what}; push the image again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl StorageError {
    /// Whether there is no room left. It heals by itself once there is.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}

/// Names the path an input or output failed at.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T, StorageError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Io { path: path.to_owned(), source })
    }
}

impl Storage {
    /// Takes the directory, creates what is missing and removes what an earlier process did not finish.
    pub(crate) fn open(root: PathBuf) -> Result<Self, OpenError> {
        durable::create_with_parents(&root)?;
        let lock_path = root.join("lock");
        let lock = File::options().create(true).append(true).open(&lock_path).at(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(root)),
            Err(TryLockError::Error(source)) => Err(source).at(&lock_path)?,
        }
        let storage = Self { root, links: Mutex::new(()), _lock: lock };
        storage.empty_tmp()?;
        durable::create_dirs(&storage.root, Path::new("repositories"))?;
        storage.create_blob_dirs()?;
        Ok(storage)
    }

    /// Where the registry is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where unfinished files are. What is there when a process ends is removed by the next.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A new file for something unfinished, which removes itself unless it is finished.
    pub(crate) fn create_temp(&self) -> Result<NamedTempFile, StorageError> {
        let tmp = self.tmp();
        tempfile::Builder::new().prefix("upload-").rand_bytes(24).tempfile_in(&tmp).at(&tmp)
    }

    fn empty_tmp(&self) -> Result<(), StorageError> {
        let tmp = self.tmp();
        match fs::remove_dir_all(&tmp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).at(&tmp),
            _ => {}
        }
        fs::create_dir(&tmp).at(&tmp)
    }

    fn lock_links(&self) -> MutexGuard<'_, ()> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
