//! A store that a newer program has written is refused with a message, and left as it is.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::fs;

use ci_core::store::record::Record;
use ci_core::store::{Glance, OpenError, Store};
use store_support::*;

#[test]
fn a_newer_store_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    let before = answers(&store);
    drop(store);
    let segment = dir.path().join("journal/00000000000000000001.journal");
    let known = fs::read(&segment).unwrap();

    // A whole frame of the next version, and then a torn end that must not be cut off.
    let mut newer = known.clone();
    let payload = br#"{"record":"something-new"}"#;
    let mut rest = (payload.len() as u32).to_le_bytes().to_vec();
    rest.extend((Record::VERSION + 1).to_le_bytes());
    rest.extend(3u64.to_le_bytes());
    rest.extend(payload);
    newer.extend(b"\xffci\xfe");
    newer.extend(crc32fast::hash(&rest).to_le_bytes());
    newer.extend(rest);
    newer.extend(b"\xffci\xfetorn");
    fs::write(&segment, &newer).unwrap();

    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(&error, OpenError::Newer { found: 2, known: 1, file } if *file == segment), "{error}");
    assert!(error.hint().contains("newer program"));
    assert!(matches!(Glance::at(dir.path()), Err(OpenError::Newer { found: 2, .. })));
    assert_eq!(fs::read(&segment).unwrap(), newer);
    assert!(fs::read_dir(dir.path().join("quarantine")).unwrap().next().is_none());

    fs::write(&segment, &known).unwrap();
    let (store, after) = reopened(dir.path(), Default::default()).unwrap();
    assert_eq!((after, store.damage()), (before, vec![]));
}
