//! A look at a store that another process may have open. Nothing is locked, made, cut off or removed, and its owner
//! notices nothing.
//!
//! The journal is read beside its writer. A frame that is only half there is the end, for now. A compaction may take
//! files away between two looks, which shows as a file or a record that is missing: then it is looked at again.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::Options;
#[cfg(doc)]
use super::Store;
use super::answer::{self, OpenIntent, StoredResult};
use super::error::{Damage, DamageKind, OpenError};
use super::fold::Kept;
use super::index::Index;
use super::journal::{self, Files, Next, ReadError};
use super::ledger::LISTED_MAX;
use super::record::Record;
use super::rows::{IndexError, Memory, Rows};
use super::unfinished;
use crate::ids::KeyDigest;

/// How often a journal is looked at that changes under the look. Compactions are rare: one is hardly met twice.
const LOOKS_MAX: u32 = 20;
/// How long it is waited for a write that is half done.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// What a state directory said at one moment: everything that [`Store::append`] had told of
/// before. It is held in memory.
#[derive(Default)]
pub struct Glance {
    pub(super) rows: Memory,
    /// The number of the last record.
    pub(super) last: u64,
    /// How many records there are of each version.
    pub(super) versions: BTreeMap<u16, u64>,
    /// What can't be read or used, up to a bound.
    pub(super) damage: Vec<Damage>,
}

impl Glance {
    /// Reads the store in `dir`; one that is not there says nothing. Blocking, as [`Store::open`] is.
    ///
    /// # Errors
    ///
    /// When it can't be read, or belongs to a newer program. What is damaged is left out, as [`Store::open`] does.
    pub fn at(dir: &Path) -> Result<Self, OpenError> {
        unfinished::refuse(dir)?;
        Self::until(dir, |damage| matches!(damage.kind, DamageKind::Missing(_)))
    }

    /// [`Glance::at`], also of what is not finished. An end that is torn is no record that is just being written.
    pub(super) fn at_rest(dir: &Path) -> Result<Self, OpenError> {
        Self::until(dir, |damage| matches!(damage.kind, DamageKind::Missing(_)) || is_torn_segment(damage))
    }

    /// Looks until there is no damage that may have passed by the next look.
    fn until(dir: &Path, may_pass: impl Fn(&Damage) -> bool) -> Result<Self, OpenError> {
        let folder = dir.join("journal");
        let mut looks = 1;
        loop {
            match Self::look(&folder) {
                Ok(glance) if looks == LOOKS_MAX || !glance.damage.iter().any(&may_pass) => {
                    return Ok(glance);
                }
                Ok(glance) if glance.damage.iter().any(is_torn_segment) => thread::sleep(LOOK_PAUSE),
                Ok(_) => {}
                Err(Unread::Newer(error)) => return Err(error),
                Err(Unread::Index(error)) => {
                    return Err(unreadable(&folder, io::Error::other(error)));
                }
                Err(Unread::File(ReadError { path, source })) => {
                    let absent = source.kind() == io::ErrorKind::NotFound;
                    if absent && path == folder {
                        return Ok(Self::default());
                    }
                    if !absent || looks == LOOKS_MAX {
                        return Err(unreadable(&path, source));
                    }
                }
            }
            looks += 1;
        }
    }

    fn look(folder: &Path) -> Result<Self, Unread> {
        let files = Files::list(folder)?;
        let (mut newer, mut versions) = (None, BTreeMap::new());
        let last = journal::read::<ReadError>(&files, |path, next| {
            if let Next::Frame(frame) = next {
                *versions.entry(frame.version).or_default() += 1;
                if frame.version > Record::VERSION {
                    newer.get_or_insert((path.to_owned(), frame.version));
                }
            }
            Ok(())
        })?;
        if let Some((file, found)) = newer {
            return Err(Unread::Newer(OpenError::Newer { file, found, known: Record::VERSION }));
        }
        let kept = Options::default();
        let kept = Kept { jobs_max: kept.jobs_max, approvals_max: kept.approvals_max };
        let damage = RefCell::default();
        let mut rows = Index::Memory(Memory::new());
        journal::replay::<Unread>(
            &files,
            0,
            &mut rows,
            kept,
            |record| record,
            |kind, file, bytes| {
                let mut damage: RefMut<'_, Vec<Damage>> = damage.borrow_mut();
                if damage.len() < LISTED_MAX {
                    damage.push(Damage { kind, file: file.to_owned(), bytes, copy: None });
                }
            },
        )?;
        let Index::Memory(rows) = rows else {
            return Err(IndexError("the fold lost its rows".to_owned()).into());
        };
        Ok(Self { rows, last, versions, damage: damage.into_inner() })
    }

    /// See [`Store::result`].
    pub fn result(&self, op: &str, key: &KeyDigest) -> Option<StoredResult> {
        self.ask(|rows| answer::result(rows, op, key))
    }

    /// See [`Store::open_intent`].
    pub fn open_intent(&self, op: &str, key: &KeyDigest) -> Option<OpenIntent> {
        self.ask(|rows| answer::open_intent(rows, op, key))
    }

    /// See [`Store::open_intents`].
    pub fn open_intents(&self) -> Vec<OpenIntent> {
        self.ask(answer::open_intents)
    }

    fn ask<T: Default>(&self, question: impl Fn(&dyn Rows) -> Result<T, IndexError>) -> T {
        question(&self.rows).unwrap_or_else(|error| {
            tracing::error!(%error, "a question to the store has no answer");
            T::default()
        })
    }
}

fn is_torn_segment(damage: &Damage) -> bool {
    damage.kind == DamageKind::Tail && damage.file.extension().is_some_and(|kind| kind == "journal")
}

impl fmt::Debug for Glance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Glance")
    }
}

enum Unread {
    Newer(OpenError),
    File(ReadError),
    Index(IndexError),
}

impl From<ReadError> for Unread {
    fn from(error: ReadError) -> Self {
        Self::File(error)
    }
}

impl From<IndexError> for Unread {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

fn unreadable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { what: "read", path: path.to_owned(), source }
}
