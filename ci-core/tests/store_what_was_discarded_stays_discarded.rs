//! A value that must not serve any more does not come back: not when its renewal fails, not through a compaction,
//! and not because somebody else would have let it serve.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use ci_core::FailureKind;
use ci_core::store::{Options, Store};
use store_support::*;

#[test]
fn when_its_renewal_failed_and_the_journal_was_compacted() {
    let dir = quick_dir();
    let store = Store::open(dir.path()).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    put(&store, outcome(1, true, 1)).unwrap();
    put(&store, declined("build", 0, "it is broken", false)).unwrap();
    put(&store, declined("build", 0, "once more", true)).unwrap();
    put(&store, renewal("build", 0, 2, Some(job(1)), 1)).unwrap();
    put(&store, ended(2, Some(FailureKind::Permanent), 1)).unwrap();
    let stands = |store: &Store| store.result("build", &key(0)).unwrap().intent.job;
    assert_eq!(stands(&store), job(2));
    store.close();

    let always = Options { segment_bytes_max: 0, ..Options::default() };
    let store = Store::open_with(dir.path(), always).unwrap();
    put(&store, approved("build", 0, 0)).unwrap();
    store.close();
    forget_that_it_was_closed(dir.path());
    assert_eq!(stands(&Store::open(dir.path()).unwrap()), job(2));
}

#[test]
fn when_somebody_else_would_let_it_serve() {
    let dir = quick_dir();
    let store = Store::open(dir.path()).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    put(&store, outcome(1, true, 1)).unwrap();
    put(&store, declined("build", 0, "it is broken", false)).unwrap();
    put(&store, declined("build", 0, "once more", true)).unwrap();
    let told = store.result("build", &key(0)).unwrap().invalidated.unwrap();
    assert_eq!((told.why.as_str(), told.serves), ("it is broken", false));
}
