//! What can go wrong with the store, named by what its reader does next.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fence::Refusal;
use crate::error::OpError;

/// Why the store could not be opened. Nothing was changed in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another [`Store`](super::Store) of this one) has it open.
    #[error("the state directory {} is in use{}", dir.display(), of_pid(*pid))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Who says to have it open, when that can be read.
        pid: Option<u32>,
    },
    /// It holds records of a newer program.
    #[error("{} holds records of format {found}, and this program knows only up to {known}", file.display())]
    Newer {
        /// Where the first such record is.
        file: PathBuf,
        /// The record's version.
        found: u16,
        /// [`Record::VERSION`](super::record::Record::VERSION).
        known: u16,
    },
    /// The directory, or something in it, can't be written.
    #[error("the state directory {} can't be written: {source}", dir.display())]
    NotWritable {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a file where a directory is to be.
    #[error("the state directory {} can't be used: {}, or what it is in, is a file", dir.display(), path.display())]
    NoDirectory {
        /// The state directory.
        dir: PathBuf,
        /// It, or the folder in it that can't be made.
        path: PathBuf,
    },
    /// A copy of a store that was not copied to its end.
    #[error("{} holds only a part of a store: copying it was cut, or is going on", dir.display())]
    Unfinished {
        /// The directory.
        dir: PathBuf,
    },
    /// Reading or making something failed otherwise.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// A verb: `read`.
        what: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn of_pid(pid: Option<u32>) -> String {
    pid.map_or_else(|| " by another process".to_owned(), |pid| format!(" by process {pid}"))
}

impl OpenError {
    /// What the reader can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "stop the other one first, or choose another state directory",
            Self::Newer { .. } => {
                "start the newer program again, or choose another state directory; nothing was changed in this one"
            }
            Self::NotWritable { .. } => {
                "make it belong to the user this program runs as, on a file system mounted for writing, or choose \
                 another state directory"
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run this as the user to whom the state directory belongs"
            }
            Self::Unfinished { .. } => {
                "wait for its end; if nobody copies there any more, remove it and copy again"
            }
            Self::NoDirectory { .. } => "move the file away, or choose another state directory",
            Self::Io { .. } => "see whether the disk is in order; nothing was changed",
        }
    }

    /// An I/O error on `path` inside the store at `dir`, sorted into the kinds above.
    pub(crate) fn io(dir: &Path, what: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { dir: dir.to_owned(), source }
            }
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                Self::NoDirectory { dir: dir.to_owned(), path: path.to_owned() }
            }
            _ => Self::Io { what, path: path.to_owned(), source },
        }
    }
}

/// Why there is no copy. What there was of it is removed again.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing to copy.
    #[error("there is no store in {}", .0.display())]
    NoStore(PathBuf),
    /// It was not made by [`back_up`](super::back_up).
    #[error("{} is no backup", .0.display())]
    NoBackup(PathBuf),
    /// A program that is newer than this one made it.
    #[error("{} is a backup of format {found}, and this program knows only up to {known}", dir.display())]
    Newer {
        /// The backup.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// There is something where the copy is to be.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// A file of the backup was changed or lost since it was made.
    #[error("{} is not as it was when the backup was made", .0.display())]
    Changed(PathBuf),
    /// What is to be copied can't be read as a store.
    #[error(transparent)]
    Unreadable(#[from] OpenError),
    /// Reading or writing something failed otherwise.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// A verb: `read`.
        what: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BackupError {
    /// What the reader can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoStore(_) => "name the state directory of the deployer",
            Self::NoBackup(_) => "name a directory that was made by a backup",
            Self::Newer { .. } => "use the program that made it, or a newer one",
            Self::NotEmpty(_) => "name a directory that is empty or not there: nothing is written over",
            Self::Changed(_) => {
                "take an older backup. If there is none: all but backup.json can be copied by hand, and what can still \
                 be read of the journal is found when that copy is opened"
            }
            Self::Unreadable(error) => error.hint(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free space on that disk"
            }
            Self::Io { .. } => "see whether the disk is in order, and whether it is yours to read and write",
        }
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// Why a record was not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left. A later append works again when there is.
    #[error("the disk of the state directory is full: nothing can be recorded until there is space ({0})")]
    Full(Arc<io::Error>),
    /// The disk failed. A later append tries again.
    #[error("the journal can't be written: {0}")]
    Io(Arc<io::Error>),
    /// The record does not fit what came before it. It will never be stored.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The record is larger than a frame may be, or nested too deeply to be read again.
    #[error("a record of {bytes} bytes can't be stored: {why}")]
    Unstorable {
        /// Its size as JSON.
        bytes: usize,
        /// What is too much.
        why: &'static str,
    },
    /// More is waiting to be written than the queue holds: the disk does not keep up.
    #[error("the journal does not keep up: too much is waiting to be written")]
    Busy,
    /// The index can't be read nor rebuilt, so the record could not be checked. It is not stored.
    #[error("the index can't be read nor rebuilt: {0}")]
    NoIndex(String),
    /// The record *is* durable, but the index can't be rebuilt to show it.
    #[error("the record is stored, but the index can't be rebuilt to show it: {0}")]
    Unseen(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn io(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full(Arc::new(source))
            }
            _ => Self::Io(Arc::new(source)),
        }
    }
}

impl From<StoreError> for OpError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match &error {
            StoreError::Full(_) => {
                Self::infrastructure(message).with_hint("free space on that disk; work goes on by itself")
            }
            StoreError::Io(_) | StoreError::NoIndex(_) | StoreError::Unseen(_) => {
                Self::infrastructure(message)
                    .with_hint("see whether the disk of the state directory is in order")
            }
            StoreError::Busy => Self::transient(message),
            StoreError::Closed => Self::cancelled(message),
            StoreError::Refused(_) | StoreError::Unstorable { .. } => Self::permanent(message),
        }
        .with_source(error)
    }
}

/// Something in the journal that could not be read or used. Only itself is lost; its bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Where it was found.
    pub file: PathBuf,
    /// Which bytes of the file; empty when what is wrong is that something is not there.
    pub bytes: Range<u64>,
    /// The copy in the `quarantine` folder, unless there was nothing to copy or it could not be written.
    pub copy: Option<PathBuf>,
}

/// See [`Damage::kind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// Bytes after the last good record: a write that a crash cut short, or a damaged last record.
    #[error("the end is torn")]
    Tail,
    /// Bytes that are no record, before others that are.
    #[error("not a record")]
    Bytes,
    /// A whole record that can't be understood.
    #[error("a record that can't be read: {0}")]
    Unreadable(String),
    /// A record that does not fit those before it, e.g. the outcome of a job whose intent is lost.
    #[error("a record that does not fit: {0}")]
    Refused(Refusal),
    /// Records that should be there are not.
    #[error("{0} records are missing")]
    Missing(u64),
}
