//! One outcome for each job, and none from a process that lost the store; a new process may end what an old one
//! began.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use ci_core::FailureKind;
use ci_core::store::{JobState, Refusal, Store, StoreError};
use store_support::*;

fn refusal(found: Result<u64, StoreError>) -> Refusal {
    match found {
        Err(StoreError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_job_has_one_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(refusal(put(&store, outcome(1, true, 1))), Refusal::UnknownJob(job(1)));
    assert_eq!(refusal(put(&store, handle(1, "c"))), Refusal::UnknownJob(job(1)));
    put(&store, intent("build", 0, 1, 1)).unwrap();
    assert_eq!(refusal(put(&store, intent("build", 1, 1, 1))), Refusal::SecondIntent(job(1)));
    // Asked for at once: the second is judged by what the first will have done.
    let (first, second) = (store.append(outcome(1, true, 1)), store.append(outcome(1, false, 1)));
    first.wait().unwrap();
    assert_eq!(refusal(second.wait()), Refusal::Over(job(1)));
    assert_eq!(refusal(put(&store, handle(1, "c"))), Refusal::Over(job(1)));
    assert_eq!(refusal(put(&store, intent("", 0, 2, 1))), Refusal::BadOp);
    assert!(store.result("build", &key(0)).unwrap().outcome.result.is_ok());
}

#[test]
fn a_new_process_ends_what_an_old_one_began() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    put(&store, handle(1, "c1")).unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.open_intent("build", &key(0)).unwrap().intent.epoch, 1);
    // What is left of the old process in this one may not.
    assert_eq!(refusal(put(&store, outcome(1, true, 1))), Refusal::OldEpoch { found: 1, current: 2 });
    assert_eq!(refusal(put(&store, intent("build", 1, 2, 1))), Refusal::OldEpoch { found: 1, current: 2 });
    assert_eq!(refusal(put(&store, outcome(1, true, 3))), Refusal::FutureEpoch { found: 3, current: 2 });
    put(&store, outcome(1, true, 2)).unwrap();
    assert_eq!(store.result("build", &key(0)).unwrap().outcome.epoch, 2);
    assert_eq!(store.open_intents(), []);
}

#[test]
fn a_newer_attempt_takes_the_place_of_an_open_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    put(&store, intent("build", 0, 2, 1)).unwrap();
    assert_eq!(refusal(put(&store, outcome(1, true, 1))), Refusal::Over(job(1)));
    assert_eq!(store.result("build", &key(0)), None, "to be superseded is no result");
    let older = store.job(&job(1)).unwrap();
    assert_eq!(older.state(), JobState::Failed);
    assert_eq!(older.outcome.unwrap().result.unwrap_err().kind, FailureKind::Superseded);
    put(&store, outcome(2, true, 1)).unwrap();
    assert_eq!(store.result("build", &key(0)).unwrap().intent.job, job(2));
}

#[test]
fn a_process_whose_lock_was_taken_away_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = Store::open(dir.path()).unwrap();
    put(&old, intent("build", 0, 1, 1)).unwrap();
    // Somebody "repairs" a lock that looks stale.
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    let new = Store::open(dir.path()).unwrap();
    assert_eq!(new.epoch(), 2);
    assert_eq!(refusal(put(&old, outcome(1, false, 1))), Refusal::TakenOver);
    put(&new, outcome(1, true, 2)).unwrap();
    let before = answers(&new);
    drop(old);
    drop(new);
    let (store, after) = reopened(dir.path(), Default::default()).unwrap();
    assert_eq!((after, store.damage()), (before, vec![]));
}
