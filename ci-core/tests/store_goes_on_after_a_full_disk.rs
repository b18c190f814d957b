//! While the disk is full, appends fail and say so, everything can be asked, nothing that failed is seen; when there
//! is space, it goes on, without being opened again.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use ci_core::store::{Disk, Options, Store, StoreError};
use store_support::disks::Filling;
use store_support::*;

const CHILD: &str = "STORE_TEST_MOUNTED";

fn on(disk: &Arc<Filling>) -> Options {
    Options { disk: disk.clone() as Arc<dyn Disk>, ..small() }
}

#[test]
fn a_failed_write_is_taken_back() {
    for late in [false, true] {
        for room in [0, 1, 21, 22, 100] {
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(Filling::default());
            let store = Store::open_with(dir.path(), on(&disk)).unwrap();
            put(&store, intent("build", 0, 1, 1)).unwrap();
            let before = answers(&store);
            disk.late.store(late, SeqCst);
            disk.room.store(room, SeqCst);
            disk.full.store(true, SeqCst);
            for _ in 0..2 {
                let (one, two) = (store.append(outcome(1, true, 1)), store.append(intent("build", 1, 2, 1)));
                for error in [one.wait().unwrap_err(), two.wait().unwrap_err()] {
                    assert!(matches!(error, StoreError::Full(_)), "{error}");
                    let told = ci_core::OpError::from(error);
                    assert_eq!(told.kind(), ci_core::FailureKind::Infrastructure);
                    assert!(told.hint().unwrap().contains("space"));
                }
                assert!(matches!(store.trouble(), Some(StoreError::Full(_))));
                assert_eq!(answers(&store), before);
            }
            disk.full.store(false, SeqCst);
            put(&store, outcome(1, false, 1)).unwrap();
            assert!(store.trouble().is_none());
            let after = answers(&store);
            drop(store);
            forget_that_it_was_closed(dir.path());
            let (store, found) = reopened(dir.path(), small()).unwrap();
            assert_eq!((found, store.damage()), (after, vec![]));
        }
    }
}

/// Nobody may have anything to write for hours.
#[test]
fn it_notices_by_itself_that_there_is_space() {
    for room in [0, 100] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Filling::default());
        let store = Store::open_with(dir.path(), on(&disk)).unwrap();
        disk.full.store(true, SeqCst);
        put(&store, intent("build", 0, 1, 1)).unwrap_err();
        // What is enough for a probe that asks for nothing is not enough to call it well.
        disk.room.store(room, SeqCst);
        let deadline = Instant::now() + Duration::from_secs(60);
        while 0 < disk.room.load(SeqCst) {
            assert!(Instant::now() < deadline, "it is never tried");
            thread::yield_now();
        }
        assert!(matches!(store.trouble(), Some(StoreError::Full(_))));
        disk.full.store(false, SeqCst);
        while store.trouble().is_some() {
            assert!(Instant::now() < deadline, "it is never noticed");
            thread::yield_now();
        }
        let left = fs::read_dir(dir.path().join("journal")).unwrap().count();
        assert_eq!(left, 1, "a probe leaves nothing");
        put(&store, intent("build", 0, 1, 1)).unwrap();
        store.close();
        assert_eq!(Store::open(dir.path()).unwrap().damage(), []);
    }
}

#[test]
fn it_opens_on_a_full_disk_and_takes_its_epoch_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Filling::default());
    let store = Store::open_with(dir.path(), on(&disk)).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    let before = answers(&store);
    drop(store);
    disk.full.store(true, SeqCst);
    let store = Store::open_with(dir.path(), on(&disk)).unwrap();
    assert_eq!((store.epoch(), answers(&store)), (2, before));
    assert!(matches!(store.trouble(), Some(StoreError::Full(_))));
    assert!(matches!(put(&store, outcome(1, true, 2)), Err(StoreError::Full(_))));
    disk.full.store(false, SeqCst);
    put(&store, outcome(1, true, 2)).unwrap();
    drop(store);
    assert_eq!(Store::open(dir.path()).unwrap().epoch(), 3);
}

/// Fills the small file system that `dir` is on, opens again while it is full, and makes room.
fn fill_for_real(dir: &Path) {
    let state = dir.join("state");
    let store = Store::open(&state).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    let ballast = dir.join("ballast");
    let whole: u64 = 1 << 30;
    let mut file = fs::File::create(&ballast).unwrap();
    let filled = std::io::copy(&mut std::io::Read::take(std::io::repeat(7), whole), &mut file);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    // What is left of the last page takes some records.
    let mut number = 2;
    let error = loop {
        match put(&store, intent("build", 1, number, 1)) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 1000, "the disk is full");
    };
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    let before = answers(&store);
    drop(store);
    // sled does not open on a full disk.
    let _ = fs::remove_file(state.join("index.clean"));
    let (store, found) = reopened(&state, Options::default()).unwrap();
    assert_eq!((&found, store.damage()), (&before, vec![]));
    assert!(matches!(put(&store, outcome(1, true, 2)), Err(StoreError::Full(_))));
    drop(file);
    fs::remove_file(ballast).unwrap();
    put(&store, outcome(1, true, 2)).unwrap();
    let before = answers(&store);
    drop(store);
    let (store, found) = reopened(&state, Options::default()).unwrap();
    assert_eq!((found, store.damage()), (before, vec![]));
}

#[test]
fn a_file_system_of_four_megabytes_is_filled() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return fill_for_real(dir.as_ref());
    }
    let dir = tempfile::tempdir().unwrap();
    // A mount of our own, gone with its last process. Without the right to mount there is nothing to see here; the
    // tests above fail the same writes.
    let script = "mount -t tmpfs -o size=4m none \"$0\" || { echo cannot mount; exit 0; }; exec \"$@\"";
    let run = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_file_system_of_four_megabytes_is_filled", "--nocapture"])
        .env(CHILD, dir.path())
        .output();
    match run {
        Ok(run) if run.status.success() => println!("{}", String::from_utf8_lossy(&run.stdout)),
        Ok(run) => panic!("{}", String::from_utf8_lossy(&run.stderr)),
        Err(error) => println!("cannot run unshare: {error}"),
    }
}
