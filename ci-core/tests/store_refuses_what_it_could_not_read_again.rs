//! A record that is too large or nested too deeply is refused before it is written; the largest and deepest that is
//! allowed comes back as it was.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use ci_core::store::record::{Handle, Outcome, Record};
use ci_core::store::{RECORD_BYTES_MAX, Store, StoreError};
use serde_json::{Value, json};
use store_support::*;

fn nested(levels: usize) -> Value {
    (0..levels).fold(
        json!(1e-300),
        |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) },
    )
}

fn with_value(value: Value) -> Record {
    Record::Outcome(Outcome { job: job(1), epoch: 1, finished_at_ms: 1, result: Ok(value) })
}

#[test]
fn what_can_be_written_can_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    for record in [
        with_value(nested(Record::JSON_DEPTH_MAX + 1)),
        with_value(nested(100_000 / 1000 + 100)),
        with_value(json!("x".repeat(RECORD_BYTES_MAX))),
    ] {
        let error = put(&store, record).unwrap_err();
        assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
    }
    let hostile = json!({ "bytes": "\u{0}\u{7f}\u{ffff}\"\\\n", "big": u64::MAX, "small": i64::MIN, "third": 1.0 / 3.0 });
    put(&store, Record::Handle(Handle { job: job(1), handle: hostile.clone() })).unwrap();
    assert_eq!(store.open_intents()[0].handle, Some(hostile));
    put(&store, with_value(nested(Record::JSON_DEPTH_MAX))).unwrap();
    put(&store, intent("build", 1, 2, 1)).unwrap();
    let large = json!("x".repeat(RECORD_BYTES_MAX - 200));
    put(&store, Record::Handle(Handle { job: job(2), handle: large })).unwrap();
    let before = answers(&store);
    assert_eq!(before.results[0].as_ref().unwrap().outcome.result, Ok(nested(Record::JSON_DEPTH_MAX)));
    drop(store);
    forget_that_it_was_closed(dir.path());
    let (store, after) = reopened(dir.path(), Default::default()).unwrap();
    assert_eq!((after, store.damage()), (before, vec![]));
}
