//! A damaged record loses only itself, is kept as a copy, and is told; what is read back is what was written.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::fs;
use std::path::{Path, PathBuf};

use ci_core::job::LogReader;
use ci_core::store::record::Record;
use ci_core::store::{DamageKind, OpenError, Options, Store, check};
use store_support::*;

fn records() -> Vec<Record> {
    vec![
        intent("build", 0, 1, 1),
        handle(1, "c1"),
        outcome(1, true, 1),
        approved("publish", 1, 2),
        intent("publish", 1, 2, 1),
        outcome(2, false, 1),
        invalidated("build", 0, "asked"),
    ]
}

/// A closed store with these records, or all that are accepted of them.
fn store_of(dir: &Path, records: Vec<Record>) -> Answers {
    let store = Store::open(dir).unwrap();
    for record in records {
        // A record that needs the one left out is refused.
        let _ = put(&store, record);
    }
    answers(&store)
}

fn with_file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = quick_dir();
    let path = dir.path().join("journal").join(name);
    fs::create_dir(dir.path().join("journal")).unwrap();
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn a_flipped_byte_loses_one_record_and_is_told() {
    let whole = quick_dir();
    let all = store_of(whole.path(), records());
    let name = "00000000000000000001.journal";
    let bytes = fs::read(whole.path().join("journal").join(name)).unwrap();
    let starts: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"\xffci\xfe")).collect();
    assert_eq!(starts.len(), 8, "the epoch and seven records");
    // Without the epoch's record, its number is learned from the others.
    let without = |lost: usize| {
        if lost == 0 {
            return all.clone();
        }
        let mut records = records();
        records.remove(lost - 1);
        store_of(quick_dir().path(), records)
    };
    let without: Vec<Answers> = (0..8).map(without).collect();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= if at % 2 == 0 { 0x01 } else { 0xff };
        let lost = starts.iter().filter(|start| **start <= at).count() - 1;
        let (dir, path) = with_file(name, &bytes);
        let (store, found) = reopened(dir.path(), Options::default()).unwrap();
        assert_eq!(found, without[lost], "byte {at}, in record {lost}");
        let damage = store.damage();
        let told = damage.iter().find(|damage| !damage.bytes.is_empty()).expect("something is told");
        let bad = &bytes[told.bytes.start as usize..told.bytes.end as usize];
        assert_eq!((&told.file, told.bytes.start), (&path, starts[lost] as u64));
        assert_eq!(fs::read(told.copy.as_ref().unwrap()).unwrap(), bad);
        assert_eq!(told.bytes.end as usize, starts.get(lost + 1).copied().unwrap_or(bytes.len()));
        assert_eq!(told.kind, if lost == 7 { DamageKind::Tail } else { DamageKind::Bytes });
        drop(store);
        if at % 16 == 0 {
            forget_that_it_was_closed(dir.path());
            let (store, again) = reopened(dir.path(), Options::default()).unwrap();
            assert_eq!((again, store.damage()), (found, vec![]), "it is told once");
        }
    }
}

#[test]
fn a_flipped_byte_of_a_snapshot_is_told() {
    let whole = quick_dir();
    let store =
        Store::open_with(whole.path(), Options { segment_bytes_max: 0, ..Options::default() }).unwrap();
    for record in records() {
        put(&store, record).unwrap();
    }
    let all = answers(&store);
    store.close();
    let is_snapshot = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "snapshot");
    let mut files = fs::read_dir(whole.path().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let snapshot = files.find(is_snapshot).unwrap();
    let (name, bytes) = (snapshot.file_name().unwrap().to_str().unwrap(), fs::read(&snapshot).unwrap());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at / 2 % 8);
        let damaged = if at % 2 == 0 { &flipped[..] } else { &bytes[..at] };
        let (dir, _) = with_file(name, damaged);
        assert!(!check(dir.path(), &[]).unwrap().is_whole(), "flipped or cut at {at}");
    }
    for at in (0..bytes.len()).step_by(25) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        for (what, bytes) in [("flipped", &flipped[..]), ("cut", &bytes[..at])] {
            let (dir, _) = with_file(name, bytes);
            let (store, found) = reopened(dir.path(), Options::default()).unwrap();
            assert!(!store.damage().is_empty(), "{what} at {at}");
            for job in &found.jobs {
                let known = all.jobs.iter().find(|known| known.intent == job.intent).unwrap();
                assert!(job.handle.is_none() || job.handle == known.handle);
                assert!(job.outcome.is_none() || job.outcome == known.outcome);
            }
            assert!(found.approved.iter().zip(&all.approved).all(|(found, all)| all | !found));
        }
    }
}

/// It is for people, and for the patience of the next process: the lock is the kernel's.
#[test]
fn whatever_the_lock_file_says_one_process_has_the_store() {
    let dir = quick_dir();
    let before = store_of(dir.path(), records());
    for said in ["", "\0", "-1", "99999999999999999999", "nobody\n", &"7".repeat(1 << 16)] {
        fs::write(dir.path().join("lock"), said).unwrap();
        let (store, found) = reopened(dir.path(), Options::default()).unwrap();
        assert_eq!((found, store.damage()), (before.clone(), vec![]), "{said:.20?}");
        // The same file: its owner goes on holding it.
        fs::write(dir.path().join("lock"), said.replace('7', "x")).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(OpenError::Locked { .. })), "{said:.20?}");
        put(&store, invalidated("publish", 3, "it goes on")).unwrap();
    }
}

/// A log is text for people, and no checksum guards it: what its file holds is shown. It decides nothing.
#[test]
fn nothing_in_a_log_changes_an_answer() {
    let dir = quick_dir();
    let before = store_of(dir.path(), records());
    let log = Store::open(dir.path()).unwrap().log_path(&job(1));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    for held in [&b""[..], b"\xff\0\x1b[2J", b"making it\n"] {
        fs::write(&log, held).unwrap();
        let (store, found) = reopened(dir.path(), Options::default()).unwrap();
        assert_eq!((found, store.damage()), (before.clone(), vec![]));
        let mut reader = LogReader::of_finished(store.log_path(&job(1)), 0);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(reader.next()).unwrap();
        assert_eq!(read.as_deref().unwrap_or_default(), held);
    }
}
