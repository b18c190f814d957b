//! What survives a crash.
//!
//! Two layers. **The journal is the truth**: an append-only file of checksummed records, synced before anybody is
//! told, and compacted into a snapshot when it grows. **The index is what we ask**: rows in sled, made from the
//! journal and from nothing else, thrown away and made again whenever there is doubt about them. One thread writes
//! both ([`Store::append`]); anybody asks.
//!
//! ```text
//! STATE/lock                          who has it
//! STATE/journal/LAST-FRAMES.snapshot  what still matters of the records up to LAST
//! STATE/journal/FIRST.journal         the records since then
//! STATE/index/  index.clean           sled; its checksums, while it is closed
//! STATE/quarantine/FILE@FROM-TO       bytes of the journal that could not be read
//! STATE/jobs/DAY/REST.log             logs
//! STATE/unfinished                    while a copy is put in place: nobody opens such a directory
//! ```
//!
//! Whoever has no part in it can look ([`Glance`]), look through it ([`check()`]), and copy it ([`back_up`], [`restore`]).
//!
//! A full disk makes appends fail, each with an error; everything can still be asked, and appends work again when
//! there is space.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

pub use self::answer::{
    FailedRenewal, Invalidation, JobFilter, JobRecord, JobState, OpenIntent, StoredResult,
};
pub use self::backup::{back_up, restore};
pub use self::check::{Report, SideFile, check};
pub use self::disk::{Disk, RealDisk};
pub use self::error::{BackupError, Damage, DamageKind, OpenError, StoreError};
pub use self::fence::Refusal;
use self::fold::Kept;
pub use self::frame::RECORD_BYTES_MAX;
pub use self::glance::Glance;
use self::index::{Clean, Index};
use self::journal::Journal;
use self::ledger::Ledger;
use self::lock::Lock;
use self::moving::Moving;
pub use self::queue::{Append, QUEUE_BYTES_MAX};
use self::queue::{Queue, Request};
use self::record::{Opened, Record};
use self::rows::{IndexError, Meta, Rows};
use self::writer::{IndexPaths, Shared, Writer};
use crate::clock;
use crate::ids::{JobId, KeyDigest};

mod answer;
mod backup;
mod check;
mod compact;
mod disk;
mod error;
mod fence;
mod fold;
mod frame;
mod glance;
mod index;
mod journal;
mod ledger;
mod lock;
mod moving;
mod queue;
pub mod record;
mod rows;
mod sums;
mod unfinished;
mod writer;

/// The durable store of one state directory. Clones are the same store.
///
/// Questions are answered from the index at once, on the calling thread, and see every record whose
/// [`append`](Store::append) has resolved. After [`Store::close`] they find nothing.
///
/// Dropping the last clone closes it, which writes what waits and may take as long as a few syncs.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    epoch: u64,
    queue: Queue,
    shared: Arc<Shared>,
    ledger: Ledger,
    disk: Arc<dyn Disk>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// How a store is kept. The default is what a program uses; tests use less, and stand in the door.
#[derive(Clone)]
pub struct Options {
    /// Finished jobs that are kept besides those that are the newest result of their key, or its newest failed renewal.
    pub jobs_max: u64,
    /// Approvals that are kept. A forgotten one is asked for again.
    pub approvals_max: u64,
    /// The journal is compacted when its newest segment is longer than this, and than the snapshot, bytes.
    pub segment_bytes_max: u64,
    /// The way to the file system.
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs_max: Store::JOBS_MAX,
            approvals_max: Store::APPROVALS_MAX,
            segment_bytes_max: Store::SEGMENT_BYTES_MAX,
            disk: Arc::new(RealDisk),
        }
    }
}

impl Store {
    /// See [`Options::jobs_max`].
    pub const JOBS_MAX: u64 = 100_000;
    /// See [`Options::approvals_max`].
    pub const APPROVALS_MAX: u64 = 10_000;
    /// See [`Options::segment_bytes_max`].
    pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

    /// Opens the store in `dir`, made (0700) if it is not there. Replays what the index lacks, or makes the index
    /// anew. Blocking: some seconds for 100,000 jobs when the index has to be made anew, as after a kill.
    ///
    /// # Errors
    ///
    /// When another process has it, it belongs to a newer program, or it can't be read or written. A damaged journal
    /// is no error: see [`Store::damage`]. Neither is a full disk.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Options::default())
    }

    /// [`Store::open`], kept in another way.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let folder = |name: &str| {
            let path = if name.is_empty() { dir.to_owned() } else { dir.join(name) };
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map(|()| path.clone()).map_err(|error| OpenError::io(dir, "make", &path, error))
        };
        folder("")?;
        let lock = Lock::take(dir)?;
        unfinished::refuse(dir)?;
        folder("jobs")?;
        let ledger = Ledger::new(folder("quarantine")?, options.disk.clone());
        let journal = Journal::open(dir, &folder("journal")?, options.disk.clone(), ledger.clone())?;
        let kept = Kept { jobs_max: options.jobs_max, approvals_max: options.approvals_max };
        let paths = IndexPaths { folder: dir.join("index"), note: dir.join("index.clean") };
        let (index, moving) = open_index(dir, &journal, &paths, kept)?;
        let unread = |error: IndexError| {
            OpenError::io(dir, "make an index of", &journal.folder, std::io::Error::other(error))
        };
        let meta: Meta = rows::read(&index, rows::META).map_err(unread)?.unwrap_or_default();
        let epoch = meta.epoch + 1;
        let shared = Arc::new(Shared::new(index));
        let mut writer = Writer {
            shared: shared.clone(),
            paths,
            lock,
            kept,
            epoch,
            opening: Some(Record::Opened(Opened { epoch, at_ms: clock::now_ms() })),
            segment_bytes_max: options.segment_bytes_max,
            compact_at: options.segment_bytes_max,
            moving,
            journal,
        };
        if let Err(error) = writer.open_epoch() {
            tracing::error!(%error, dir = %dir.display(), "the store can't be written now: it can only be read");
        }
        if writer.journal.is_damaged() {
            // A fresh snapshot has nothing bad in it: damage is told once.
            writer.compact();
        }
        let queue = Queue::default();
        let thread = {
            let queue = queue.clone();
            thread::Builder::new().name("ci-journal".to_owned()).spawn(move || {
                let _abandon = Abandon(&queue);
                writer.run(&queue);
            })
        };
        let thread = thread.map_err(|error| OpenError::io(dir, "start a thread for", dir, error))?;
        let (dir, disk, writer) = (dir.to_owned(), options.disk, Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { dir, epoch, queue, shared, ledger, disk, writer }) })
    }

    /// Which opening of the directory this is: 1 for the first, then one more each time.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch
    }

    /// Appends a record. It is enqueued by this call, in the order of calls; the future resolves, to its sequence
    /// number, when it is durable and can be asked for.
    ///
    /// # Errors
    ///
    /// The future resolves to a [`StoreError`] when the record is not stored (but see [`StoreError::Unseen`]). A
    /// later append may well succeed.
    pub fn append(&self, record: Record) -> Append {
        if record.is_too_deep() {
            return Append::refused(StoreError::Unstorable {
                bytes: 0,
                why: "a JSON value in it is nested too deeply",
            });
        }
        let payload = record.encode();
        if payload.len() > RECORD_BYTES_MAX {
            let bytes = payload.len();
            return Append::refused(StoreError::Unstorable { bytes, why: "it is too large" });
        }
        let (reply, answer) = oneshot::channel();
        match self.inner.queue.push(Request::Append { record: Box::new(record), payload, reply }) {
            Ok(()) => Append::waiting(answer),
            Err(error) => Append::refused(error),
        }
    }

    /// The newest finished attempt at a key, whatever its outcome; but for those that were to renew its value and failed.
    pub fn result(&self, op: &str, key: &KeyDigest) -> Option<StoredResult> {
        self.ask(|rows| answer::result(rows, op, key))
    }

    /// The attempt at a key that was started and has no outcome.
    pub fn open_intent(&self, op: &str, key: &KeyDigest) -> Option<OpenIntent> {
        self.ask(|rows| answer::open_intent(rows, op, key))
    }

    /// All attempts without an outcome, oldest first.
    pub fn open_intents(&self) -> Vec<OpenIntent> {
        self.ask(answer::open_intents)
    }

    /// Whether a person allowed this operation to bring about this value (see [`record::Approved`]).
    pub fn is_approved(&self, op: &str, key: &KeyDigest, desired: &KeyDigest) -> bool {
        self.ask(|rows| answer::is_approved(rows, op, key, desired))
    }

    /// Whether a person did so and no result has used it up: none has come since, or it came to nothing, being
    /// superseded. By their order in the journal; a clock may be set back between the two.
    pub fn has_unused_approval(&self, op: &str, key: &KeyDigest, desired: &KeyDigest) -> bool {
        self.ask(|rows| answer::has_unused_approval(rows, op, key, desired))
    }

    /// An attempt by its id.
    pub fn job(&self, id: &JobId) -> Option<JobRecord> {
        self.ask(|rows| answer::job(rows, id))
    }

    /// At most `limit` attempts, newest first. A filter that few jobs pass (by text) reads them all.
    pub fn jobs(&self, filter: &JobFilter, limit: usize) -> Vec<JobRecord> {
        self.ask(|rows| answer::jobs(rows, filter, limit))
    }

    /// The operations that have jobs, in the order of their names.
    pub fn ops(&self) -> Vec<String> {
        self.ask(answer::ops)
    }

    /// Where the log of an attempt is, or will be.
    pub fn log_path(&self, id: &JobId) -> PathBuf {
        self.inner.dir.join("jobs").join(format!("{id}.log"))
    }

    /// Returns when what was written to the log of an attempt would survive a power cut. There need not be one. Blocking.
    ///
    /// # Errors
    ///
    /// When it can't be synced: what becomes of it is not known then.
    pub(crate) fn keep_log(&self, id: &JobId) -> io::Result<()> {
        let log = self.log_path(id);
        // Opening what is no file may wait for somebody.
        if !log.is_file() {
            return Ok(());
        }
        let file = File::open(&log)?;
        let Inner { dir, disk, .. } = &*self.inner;
        disk.sync(&file)?;
        // Its name, and that of its day.
        log.ancestors()
            .skip(1)
            .take_while(|folder| folder != dir)
            .try_for_each(|folder| disk.sync_folder(folder))
    }

    /// The state directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// What was found damaged since it was opened. It is told again only if it could not be cleaned away.
    pub fn damage(&self) -> Vec<Damage> {
        self.inner.ledger.damages()
    }

    /// Why the last append could not be written; `None` when it could. While this is set the store is as good as
    /// read-only. It is tried each second whether that has passed.
    pub fn trouble(&self) -> Option<StoreError> {
        self.inner.shared.trouble()
    }

    /// Waits until every append so far is answered. The number grows whenever some were. Blocking.
    #[cfg(feature = "testing")]
    pub(crate) fn rest(&self) -> u64 {
        self.inner.queue.rest()
    }

    /// Writes what waits, notes that the index is whole, and lets go of the directory, whatever clones there are.
    /// Blocking.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Asks the index. If it fails, it is made anew from the journal, once.
    fn ask<T: Default>(&self, question: impl Fn(&dyn Rows) -> Result<T, IndexError>) -> T {
        let ask = || {
            let index = self.inner.shared.index();
            question(&index.1).map_err(|error| (error, index.0))
        };
        let answer = ask().or_else(|(error, generation)| {
            tracing::warn!(%error, "the index can't be asked: it is rebuilt");
            let (reply, healed) = mpsc::channel();
            if self.inner.queue.push(Request::Heal { generation, reply }).is_ok() {
                // An error means that the writer is gone; then asking again says so.
                let _ = healed.recv();
            }
            ask()
        });
        answer.unwrap_or_else(|(error, _)| {
            tracing::error!(%error, "a question to the store has no answer");
            T::default()
        })
    }
}

/// The index as it was closed, brought up to date, or made anew from the journal.
fn open_index(
    dir: &Path,
    journal: &Journal,
    paths: &IndexPaths,
    kept: Kept,
) -> Result<(Index, Option<Moving>), OpenError> {
    let clean = Clean::take(&paths.note, &paths.folder)
        .map_err(|error| OpenError::io(dir, "remove", &paths.note, error))?;
    if let Some(clean) = &clean
        && clean.applied > journal.last
    {
        journal.lost(clean.applied - journal.last);
        // It knows what the truth does not: the only copy is kept for people.
        let aside = dir.join("quarantine").join(format!("index@{}-{}", clean.applied, clock::now_ms()));
        std::fs::rename(&paths.folder, &aside)
            .map_err(|error| OpenError::io(dir, "move", &paths.folder, error))?;
    }
    let undamaged = journal.ledger.damages().is_empty();
    let brought_up_to_date = || {
        let mut index = Index::open(&paths.folder)?;
        let meta: Meta = rows::read(&index, rows::META)?.unwrap_or_default();
        journal.replay(meta.applied, &mut index, kept, |record| record)?;
        Ok::<_, IndexError>(index)
    };
    if clean.is_some() && undamaged {
        match brought_up_to_date() {
            Ok(index) => return Ok((index, None)),
            Err(error) => tracing::warn!(%error, "the index can't be used: it is rebuilt"),
        }
    }
    writer::rebuilt(journal, paths, kept).map_err(|error| {
        OpenError::io(dir, "make an index of", &journal.folder, std::io::Error::other(error))
    })
}

/// Tells those who wait that nothing more comes, however the writer ends.
struct Abandon<'a>(&'a Queue);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the journal's writer panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.dir).field("epoch", &self.inner.epoch).finish()
    }
}

#[cfg(test)]
mod tests;
