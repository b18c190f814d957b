//! A store can be read while another has it: what was told of before is seen, whatever its writer does meanwhile, and
//! not a byte of it changes.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use ci_core::store::{Glance, Options, Store};
use store_support::*;

/// Every file and folder, and what is in it.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(path).unwrap()));
        }
    }
    found
}

fn same_as(store: &Store, glance: &Glance) {
    assert_eq!(glance.open_intents(), store.open_intents());
    for (op, of) in each_key() {
        assert_eq!(glance.result(op, &key(of)), store.result(op, &key(of)), "{op} {of}");
        assert_eq!(glance.open_intent(op, &key(of)), store.open_intent(op, &key(of)), "{op} {of}");
    }
}

#[test]
fn it_answers_as_the_open_store_does_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(dir.path(), small()).unwrap();
    for n in 1..=30 {
        put(&store, intent("build", n % KEYS, n, 1)).unwrap();
        put(&store, handle(n, "c")).unwrap();
        put(&store, outcome(n, n % 3 > 0, 1)).unwrap();
    }
    put(&store, intent("publish", 0, 40, 1)).unwrap();
    put(&store, handle(40, "here")).unwrap();
    put(&store, invalidated("build", 2, "asked")).unwrap();
    let before = bytes(dir.path());

    same_as(&store, &Glance::at(dir.path()).unwrap());

    assert_eq!(bytes(dir.path()), before);
    put(&store, outcome(40, true, 1)).unwrap();
    same_as(&store, &Glance::at(dir.path()).unwrap());
    // One that was not closed, with a write that was cut.
    store.close();
    let newest = fs::read_dir(dir.path().join("journal")).unwrap().flatten().map(|entry| entry.path());
    let newest = newest.filter(|path| path.extension().is_some_and(|kind| kind == "journal")).max().unwrap();
    let torn = [fs::read(&newest).unwrap(), b"\xffci\xfetorn".to_vec()].concat();
    fs::write(&newest, torn).unwrap();
    let before = bytes(dir.path());
    let glance = Glance::at(dir.path()).unwrap();
    assert_eq!(bytes(dir.path()), before);
    same_as(&Store::open_with(dir.path(), small()).unwrap(), &glance);
}

#[test]
fn a_store_that_is_not_there_says_nothing_and_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("state");
    let glance = Glance::at(&absent).unwrap();
    assert_eq!(glance.result("build", &key(0)), None);
    assert!(!absent.exists());
}

/// The journal is compacted every hundred records here, so its files come and go under the reader.
#[test]
fn what_was_told_before_is_seen_while_the_journal_is_compacted() {
    const RECORDS: u32 = 3000;
    let dir = quick_dir();
    let options = Options { segment_bytes_max: 50_000, ..small() };
    let store = Store::open_with(dir.path(), options).unwrap();
    let (told, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let glances = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut glances = 0;
            while !over.load(Ordering::Acquire) {
                let before = told.load(Ordering::Acquire);
                let glance = Glance::at(dir.path()).unwrap();
                for of in 0..KEYS {
                    let newest_told = (1..=before).rev().find(|n| n % KEYS == of);
                    let seen = glance.result("build", &key(of)).map(|found| found.outcome.finished_at_ms);
                    assert!(newest_told.map(|n| 3000 + u64::from(n)) <= seen, "{newest_told:?} {seen:?}");
                }
                glances += 1;
            }
            glances
        });
        for n in 1..=RECORDS {
            put(&store, intent("build", n % KEYS, n, 1)).unwrap();
            put(&store, outcome(n, true, 1)).unwrap();
            told.store(n, Ordering::Release);
        }
        over.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    assert!(glances > 1, "{glances}");
    same_as(&store, &Glance::at(dir.path()).unwrap());
}
