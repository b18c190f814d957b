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
//! ```
//!
//! A full disk makes appends fail, each with an error; everything can still be asked, and appends work again when
//! there is space.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

pub use self::answer::{Invalidation, JobFilter, JobRecord, JobState, OpenIntent, StoredResult};
pub use self::disk::{Disk, RealDisk};
pub use self::error::{Damage, DamageKind, OpenError, StoreError};
pub use self::fence::Refusal;
use self::fold::Kept;
pub use self::frame::RECORD_BYTES_MAX;
pub use self::glance::Glance;
use self::index::{Clean, Index};
use self::journal::Journal;
use self::ledger::Ledger;
use self::lock::Lock;
pub use self::queue::{Append, QUEUE_BYTES_MAX};
use self::queue::{Queue, Request};
use self::record::{Opened, Record};
use self::rows::{IndexError, Meta, Rows};
use self::writer::{IndexPaths, Shared, Writer};
use crate::clock;
use crate::ids::{JobId, KeyDigest};

mod answer;
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
mod queue;
pub mod record;
mod rows;
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
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// How a store is kept. The default is what a program uses; tests use less, and stand in the door.
#[derive(Clone)]
pub struct Options {
    /// Finished jobs that are kept besides those that are the newest result of their key.
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
    /// anew. Blocking: about a second for 100,000 records when the index has to be made anew.
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
        folder("jobs")?;
        let ledger = Ledger::new(folder("quarantine")?, options.disk.clone());
        let journal = Journal::open(dir, &folder("journal")?, options.disk, ledger.clone())?;
        let kept = Kept { jobs_max: options.jobs_max, approvals_max: options.approvals_max };
        let paths = IndexPaths { folder: dir.join("index"), note: dir.join("index.clean") };
        let index = open_index(dir, &journal, &paths, kept)?;
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
        let inner =
            Inner { dir: dir.to_owned(), epoch, queue, shared, ledger, writer: Mutex::new(Some(thread)) };
        Ok(Self { inner: Arc::new(inner) })
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

    /// The newest finished attempt at a key, whatever its outcome.
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

    /// Where the log of an attempt is, or will be.
    pub fn log_path(&self, id: &JobId) -> PathBuf {
        self.inner.dir.join("jobs").join(format!("{id}.log"))
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
    /// read-only.
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
fn open_index(dir: &Path, journal: &Journal, paths: &IndexPaths, kept: Kept) -> Result<Index, OpenError> {
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
            Ok(index) => return Ok(index),
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
mod tests {
    use super::*;
    use serde_json::Value as Json;

    use crate::ids::OpId;
    use crate::store::record::{Approved, Intent, Outcome};

    fn key() -> KeyDigest {
        KeyDigest::of(&serde_json::json!(1))
    }

    fn approved(op: &str) -> Record {
        Record::Approved(Approved {
            op: op.to_owned(),
            key: key(),
            desired: key(),
            by: "ada".to_owned(),
            at_ms: 1,
        })
    }

    /// As when sled fails while it runs.
    fn break_index(store: &Store) {
        store.inner.shared.index_mut().1 = Index::Closed;
    }

    #[test]
    fn an_index_that_fails_while_it_runs_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.append(approved("one")).wait().unwrap();
        break_index(&store);
        assert!(store.is_approved("one", &key(), &key()), "whoever asks heals it");
        break_index(&store);
        store.append(approved("two")).wait().unwrap();
        assert!(store.is_approved("one", &key(), &key()));
        assert!(store.is_approved("two", &key(), &key()));
        assert!(matches!(store.inner.shared.index().1, Index::Sled(_)));
    }

    #[test]
    fn where_sled_cannot_be_the_rows_are_held_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.append(approved("one")).wait().unwrap();
        drop(store);
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let ledger = Ledger::new(dir.path().join("quarantine"), disk.clone());
        let journal = Journal::open(dir.path(), &dir.path().join("journal"), disk, ledger).unwrap();
        // Below a file there is no folder.
        let below = |name: &str| dir.path().join("lock").join(name);
        let paths = IndexPaths { folder: below("index"), note: below("index.clean") };
        let kept = Kept { jobs_max: 1, approvals_max: 1 };
        let mut index = writer::rebuilt(&journal, &paths, kept).unwrap();
        assert!(matches!(index, Index::Memory(_)));
        assert!(answer::is_approved(&index, "one", &key(), &key()).unwrap());
        assert!(index.close(&paths.folder, &paths.note, 2).is_err(), "it is not noted as whole");
    }

    /// What an attempt at the key leaves, by a clock that says `at_ms`.
    fn ended(nonce: u32, at_ms: u64) -> [Record; 2] {
        let job = JobId::new(OpId::new("one"), at_ms, nonce);
        let intent = Intent {
            job: job.clone(),
            op: "one".to_owned(),
            key: key(),
            key_fields: serde_json::json!(1),
            desired: serde_json::json!(1),
            summary: String::new(),
            attempt: 1,
            epoch: 1,
            queued_at_ms: at_ms,
            started_at_ms: at_ms,
        };
        let outcome = Outcome { job, epoch: 1, finished_at_ms: at_ms, result: Ok(Json::Null) };
        [Record::Intent(intent), Record::Outcome(outcome)]
    }

    #[test]
    fn an_approval_is_for_the_next_result_whatever_the_clock_says() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let is_unused = |appended: &[Record]| {
            for record in appended {
                store.append(record.clone()).wait().unwrap();
            }
            store.has_unused_approval("one", &key(), &key())
        };
        assert!(!is_unused(&ended(1, 5000)), "nobody approved anything");
        // `approved` says that it is the year 1970.
        assert!(is_unused(&[approved("one")]));
        assert!(!is_unused(&ended(2, 0)));
        assert!(is_unused(&[approved("one")]));
    }

    #[tokio::test]
    async fn awaiting_gives_numbers_in_the_order_of_the_calls() {
        fn is_send<T: Send + 'static>(it: T) -> T {
            it
        }
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let calls = ["one", "two", "three"].map(|op| is_send(store.clone()).append(approved(op)));
        // Number 1 opened the epoch.
        let numbers = futures::future::join_all(calls.map(is_send)).await;
        assert_eq!(numbers.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), [2, 3, 4]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let queue = Queue::default();
        let push = || {
            let (reply, _) = oneshot::channel();
            let (record, payload) = (Box::new(approved("one")), vec![0; RECORD_BYTES_MAX]);
            queue.push(Request::Append { record, payload, reply })
        };
        let lot = QUEUE_BYTES_MAX / RECORD_BYTES_MAX;
        assert!((0..lot).all(|_| push().is_ok()));
        assert!(matches!(push(), Err(StoreError::Busy)));
        assert_eq!(queue.take().unwrap().len(), lot);
        assert!(push().is_ok());
    }

    #[test]
    fn after_close_nothing_is_taken_and_nothing_hangs() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let last = store.append(approved("one"));
        store.close();
        last.wait().unwrap();
        assert!(matches!(store.append(approved("two")).wait(), Err(StoreError::Closed)));
        assert!(!store.is_approved("one", &key(), &key()));
        store.close();
    }
}
