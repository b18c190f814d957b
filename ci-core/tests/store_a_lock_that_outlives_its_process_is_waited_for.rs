//! A process that is killed while it starts a child lives on in that child for a moment, with its lock.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

use std::fs::File;
use std::process::Command;
use std::thread;
use std::time::Duration;

use ci_core::store::Store;

#[test]
fn a_lock_that_outlives_its_process_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    // The process that the file names is gone; something still has its lock.
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let path = dir.path().join("lock");
    std::fs::write(&path, format!("{}\n", gone.id())).unwrap();
    let held = File::open(&path).unwrap();
    held.try_lock().unwrap();
    let opening = thread::spawn({
        let dir = dir.path().to_owned();
        move || Store::open(&dir).map(|store| store.epoch())
    });
    // It may have looked by then; if not, it finds the lock free, and the test says less.
    thread::sleep(Duration::from_millis(100));
    drop(held);
    assert_eq!(opening.join().unwrap().unwrap(), 2);
}
