//! The one thread that writes: `ci-journal`.
//!
//! It takes all that waits, applies it to a fold over the index (which is also how it is checked), writes the frames
//! with one sync, commits the fold's changes, and then answers everybody. So a record is in the index only if it is
//! in the journal, and nobody is told before it is in both. When the write fails, the fold is dropped and all are
//! told the same. When the index fails, it is rebuilt from the journal, which has the records already.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::StoreError;
use super::fence::{self, Refusal};
use super::fold::{Fold, Kept, NotApplied};
use super::frame;
use super::index::Index;
use super::journal::Journal;
use super::lock::Lock;
use super::moving::{self, Moving};
use super::queue::{Queue, Request};
use super::record::Record;
use super::rows::{Changes, IndexError, Memory};

/// How often it is tried whether the disk can be written again.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The index, how often it was made anew, and what was wrong with the last write: shared with those who ask.
pub(super) struct Shared {
    index: RwLock<(u64, Index)>,
    trouble: Mutex<Option<StoreError>>,
}

impl Shared {
    pub(super) fn new(index: Index) -> Self {
        Self { index: RwLock::new((0, index)), trouble: Mutex::default() }
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, (u64, Index)> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, (u64, Index)> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trouble(&self) -> Option<StoreError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<StoreError>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Where things are in the state directory.
#[derive(Clone)]
pub(super) struct IndexPaths {
    /// sled's folder.
    pub(super) folder: PathBuf,
    /// Says that what is in it can be believed.
    pub(super) note: PathBuf,
}

pub(super) struct Writer {
    pub(super) journal: Journal,
    pub(super) shared: Arc<Shared>,
    pub(super) paths: IndexPaths,
    pub(super) lock: Lock,
    pub(super) kept: Kept,
    pub(super) epoch: u64,
    /// [`Record::Opened`], as long as the disk had no room for it.
    pub(super) opening: Option<Record>,
    pub(super) segment_bytes_max: u64,
    /// Compact when the active segment is longer.
    pub(super) compact_at: u64,
    /// What of the index has to go into sled yet.
    pub(super) moving: Option<Moving>,
}

/// A record that somebody waits for.
struct Pending {
    record: Box<Record>,
    payload: Vec<u8>,
    reply: oneshot::Sender<Verdict>,
}

type Verdict = Result<u64, StoreError>;

/// Records that passed, ready to be written.
struct Batch {
    frames: Vec<u8>,
    last: u64,
    changes: Changes,
    /// One for each record that was asked for, in order.
    verdicts: Vec<Verdict>,
}

impl Writer {
    /// Writes until the queue is closed and empty, then closes the index and lets go of the directory.
    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(requests) = queue.take(self.patience()) {
            match requests.is_empty() {
                false => self.answer(requests),
                true if self.moving.is_some() => self.move_on(),
                true => self.probe(),
            }
            if self.journal.active.len > self.compact_at {
                self.compact();
            }
        }
        let IndexPaths { folder, note } = &self.paths;
        let mut index = self.shared.index_mut();
        drop(self.moving.take());
        let closed = match self.lock.is_ours() {
            Ok(true) => index.1.close(folder, note, self.journal.last),
            _ => index.1.shut(),
        };
        if let Err(error) = closed {
            tracing::warn!(%error, "the index was not closed well: it will be rebuilt");
        }
    }

    /// Moves some of the index into sled, and asks sled from when all is there.
    fn move_on(&mut self) {
        let Some(moving) = &mut self.moving else { return };
        let moved = moving.go_on(&self.shared.index().1, moving::STEP);
        match moved {
            Ok(false) => {}
            Ok(true) => {
                if let Some(moving) = self.moving.take() {
                    self.shared.index_mut().1 = moving.into_index();
                }
            }
            Err(error) => {
                told_that_it_stays(&error);
                self.moving = None;
            }
        }
    }

    fn answer(&mut self, requests: Vec<Request>) {
        let mut pending = Vec::new();
        for request in requests {
            match request {
                Request::Append { record, payload, reply } => {
                    pending.push(Pending { record, payload, reply })
                }
                Request::Heal { generation, reply } => {
                    if self.shared.index().0 == generation {
                        self.rebuild()
                            .unwrap_or_else(|error| tracing::error!(%error, "the index can't be rebuilt"));
                    }
                    // Who asked may be gone.
                    let _ = reply.send(());
                }
            }
        }
        if pending.is_empty() {
            return;
        }
        let written = self.append(&pending);
        let verdicts = written.unwrap_or_else(|error| {
            tracing::error!(%error, records = pending.len(), "records are not stored");
            vec![Err(error); pending.len()]
        });
        for (pending, verdict) in pending.into_iter().zip(verdicts) {
            // A caller that dropped its end does not want to know.
            let _ = pending.reply.send(verdict);
        }
    }

    /// A verdict for each, or one failure for all, which is what is then wrong with the store.
    fn append(&mut self, pending: &[Pending]) -> Result<Vec<Verdict>, StoreError> {
        let verdicts = self.try_append(pending);
        self.shared.set_trouble(verdicts.as_ref().err().cloned());
        verdicts
    }

    fn try_append(&mut self, pending: &[Pending]) -> Result<Vec<Verdict>, StoreError> {
        if !self.lock.is_ours().map_err(StoreError::io)? {
            return Err(Refusal::TakenOver.into());
        }
        let batch = match self.fold(pending) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, "the index can't be read: it is rebuilt");
                self.rebuild().and_then(|()| self.fold(pending)).map_err(|e| StoreError::NoIndex(e.0))?
            }
        };
        if batch.frames.is_empty() {
            return Ok(batch.verdicts);
        }
        self.journal.append(&batch.frames, batch.last).map_err(StoreError::io)?;
        self.opening = None;
        if let Some(Err(error)) = self.moving.as_mut().map(|moving| moving.follow(&batch.changes)) {
            told_that_it_stays(&error);
            self.moving = None;
        }
        let committed = self.shared.index_mut().1.commit(batch.changes);
        if let Err(error) = committed {
            tracing::warn!(%error, "the index can't be written: it is rebuilt");
            self.rebuild().map_err(|error| StoreError::Unseen(error.0))?;
        }
        Ok(batch.verdicts)
    }

    /// How long requests are waited for: without end, unless there is something to do meanwhile. The disk is in trouble, and
    /// is looked after; or the index is on its way into sled.
    fn patience(&self) -> Option<Duration> {
        if self.moving.is_some() {
            return Some(Duration::ZERO);
        }
        let is_of_the_disk = |trouble| matches!(trouble, StoreError::Full(_) | StoreError::Io(_));
        self.shared.trouble().is_some_and(is_of_the_disk).then_some(PROBE_EVERY)
    }

    /// Tries whether the disk can be written again: there may be nothing to write for hours, and people are told that
    /// nothing can be.
    fn probe(&mut self) {
        let found = match (self.lock.is_ours(), &self.opening) {
            (Ok(false), _) => Err(Refusal::TakenOver.into()),
            (Err(error), _) => Err(StoreError::io(error)),
            (Ok(true), Some(_)) => self.try_append(&[]).map(drop),
            (Ok(true), None) => self.journal.probe().map_err(StoreError::io),
        };
        if found.is_ok() {
            tracing::info!("the store can be written again");
        }
        self.shared.set_trouble(found.err());
    }

    /// Applies the records to a fold over the index, which stays as it is.
    fn fold(&self, pending: &[Pending]) -> Result<Batch, IndexError> {
        let index = self.shared.index();
        let mut fold = Fold::over(&index.1, self.kept)?;
        let (mut frames, mut last, mut verdicts) = (Vec::new(), self.journal.last, Vec::new());
        if let Some(opening) = &self.opening {
            match fold.apply(last + 1, opening.clone()) {
                Ok(()) => last += 1,
                Err(NotApplied::Index(error)) => return Err(error),
                Err(NotApplied::Refused(why)) => return Err(IndexError(why.to_string())),
            }
            frame::encode(&mut frames, Record::VERSION, last, &opening.encode());
        }
        for Pending { record, payload, .. } in pending {
            let applied = fence::appended(self.epoch, record)
                .map_err(NotApplied::from)
                .and_then(|()| fold.apply(last + 1, Record::clone(record)));
            verdicts.push(match applied {
                Ok(()) => {
                    last += 1;
                    frame::encode(&mut frames, Record::VERSION, last, payload);
                    Ok(last)
                }
                Err(NotApplied::Refused(why)) => Err(why.into()),
                Err(NotApplied::Index(error)) => return Err(error),
            });
        }
        Ok(Batch { frames, last, changes: fold.into_changes(), verdicts })
    }

    /// Tries to write what opens the epoch. On a full disk that waits for the first record.
    pub(super) fn open_epoch(&mut self) -> Result<(), StoreError> {
        self.append(&[]).map(drop)
    }

    /// Compacts the journal, and says when it is worth it again.
    pub(super) fn compact(&mut self) {
        let damages = self.journal.ledger.damages().len();
        self.compact_at = match self.journal.compact(self.kept) {
            Ok(snapshot) => snapshot.max(self.segment_bytes_max),
            Err(error) => {
                tracing::warn!(%error, "the journal can't be compacted: it goes on growing");
                self.journal.active.len.max(self.segment_bytes_max) * 2
            }
        };
        // What the journal lost while we ran, the index must not keep: the next rebuild would differ from it.
        if self.journal.ledger.damages().len() > damages
            && let Err(error) = self.rebuild()
        {
            tracing::error!(%error, "the index can't be rebuilt");
        }
    }

    fn rebuild(&mut self) -> Result<(), IndexError> {
        let mut index = self.shared.index_mut();
        // Its files go away anyway.
        let _ = index.1.shut();
        self.moving = None;
        let (anew, moving) = rebuilt(&self.journal, &self.paths, self.kept)?;
        *index = (index.0 + 1, anew);
        self.moving = moving;
        Ok(())
    }
}

/// A new index with all that the journal says, and what of it has to be moved yet.
pub(super) fn rebuilt(
    journal: &Journal,
    paths: &IndexPaths,
    kept: Kept,
) -> Result<(Index, Option<Moving>), IndexError> {
    let mut index = Index::Memory(Memory::new());
    journal.replay(0, &mut index, kept, |record| record)?;
    let moved = Moving::to(&paths.folder).and_then(|mut moving| {
        let is_all = moving.go_on(&index, moving::AT_ONCE)?;
        Ok((is_all, moving))
    });
    Ok(match moved {
        Ok((true, moving)) => (moving.into_index(), None),
        Ok((false, moving)) => (index, Some(moving)),
        Err(error) => {
            told_that_it_stays(&error);
            (index, None)
        }
    })
}

fn told_that_it_stays(error: &IndexError) {
    tracing::warn!(%error, "sled can't be used: the index is held in memory until the next start");
}
