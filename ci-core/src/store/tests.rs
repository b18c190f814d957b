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

fn journal(dir: &Path) -> Journal {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let ledger = Ledger::new(dir.join("quarantine"), disk.clone());
    Journal::open(dir, &dir.join("journal"), disk, ledger).unwrap()
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
    let journal = journal(dir.path());
    // Below a file there is no folder.
    let below = |name: &str| dir.path().join("lock").join(name);
    let paths = IndexPaths { folder: below("index"), note: below("index.clean") };
    let kept = Kept { jobs_max: 1, approvals_max: 1 };
    let (mut index, moving) = writer::rebuilt(&journal, &paths, kept).unwrap();
    assert!(matches!(index, Index::Memory(_)) && moving.is_none());
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
        build: 1,
        renews: None,
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
    assert_eq!(queue.take(None).unwrap().len(), lot);
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

/// A history of so many rows that not all are moved before anybody asks.
#[test]
fn after_a_kill_it_answers_from_memory_until_sled_has_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let jobs = u32::try_from(moving::AT_ONCE).unwrap();
    let ended: Vec<_> =
        (1..=jobs).flat_map(|n| ended(n, u64::from(n))).map(|record| store.append(record)).collect();
    for append in ended {
        append.wait().unwrap();
    }
    let before = store.jobs(&JobFilter::default(), usize::MAX);
    assert_eq!(before.len(), jobs as usize);
    drop(store);
    std::fs::remove_file(dir.path().join("index.clean")).unwrap();
    let journal = journal(dir.path());
    let paths = IndexPaths { folder: dir.path().join("index"), note: dir.path().join("index.clean") };
    let kept = Kept { jobs_max: Store::JOBS_MAX, approvals_max: Store::APPROVALS_MAX };
    let anew = writer::rebuilt(&journal, &paths, kept).unwrap();
    assert!(matches!(anew, (Index::Memory(_), Some(_))));
    drop((anew, journal));

    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.jobs(&JobFilter::default(), usize::MAX), before);
    let is_moved = || matches!(store.inner.shared.index().1, Index::Sled(_));
    // Each is written while some is there and some is not: and is asked for from then on.
    let mut ops = Vec::new();
    while !is_moved() {
        ops.push(format!("op{}", ops.len()));
        store.append(approved(ops.last().unwrap())).wait().unwrap();
        assert!(store.is_approved(ops.last().unwrap(), &key(), &key()));
    }
    assert!(ops.iter().all(|op| store.is_approved(op, &key(), &key())));
    assert_eq!(store.jobs(&JobFilter::default(), usize::MAX), before);
    drop(store);
    assert!(dir.path().join("index.clean").exists(), "what was moved is believed at the next start");
}
