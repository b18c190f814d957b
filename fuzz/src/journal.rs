//! A store opens on any journal, or says why not; what it makes of it is the same each time, and what is appended then is
//! there. The first byte says what follows: an even one, bytes of a file; an odd one, payloads, `fe` between them, which
//! are framed as they should be.

use std::fs;
use std::path::Path;

use ci_core::store::record::{Approved, Record};
use ci_core::store::{Glance, JobFilter, JobRecord, OpenIntent, Store};
use ci_core::{KeyDigest, store::OpenError};

use crate::{PIECE, split};

const RECORDS_MAX: usize = 64;

/// See the module.
pub fn holds(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else { return };
    let journal = match form % 2 {
        0 => rest.to_vec(),
        _ => framed(&split(rest, PIECE, RECORDS_MAX)),
    };
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("journal")).expect("a folder");
    fs::write(dir.path().join("journal/1.journal"), journal).expect("a file");

    let glance = Glance::at(dir.path());
    let store = match Store::open(dir.path()) {
        Ok(store) => store,
        Err(error) => {
            assert!(matches!(error, OpenError::Newer { .. }), "{error}");
            assert!(matches!(glance, Err(OpenError::Newer { .. })), "a glance opens what a store does not");
            return;
        }
    };
    let glance = glance.expect("because the store opens");
    assert_eq!(glance.open_intents(), store.open_intents());
    let (key, before) = (KeyDigest::of(&serde_json::Value::Null), all(&store));
    let approved = Approved { op: "fuzz".to_owned(), key, desired: key, by: "ada".to_owned(), at_ms: 1 };
    store.append(Record::Approved(approved)).wait().expect("because there is space");
    store.close();
    drop(store);

    let again = open(dir.path());
    assert!(again.is_approved("fuzz", &key, &key), "what was acknowledged is there");
    assert_eq!(all(&again), before);
    again.close();
    drop(again);
    // Its truth is the journal.
    fs::remove_dir_all(dir.path().join("index")).expect("an index");
    let anew = open(dir.path());
    assert_eq!(all(&anew), before, "the index was made anew");
}

/// As `store/frame.rs` says.
fn framed(payloads: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for (sequence, payload) in (1u64..).zip(payloads) {
        let mut rest = Vec::new();
        rest.extend_from_slice(
            &u32::try_from(payload.len()).expect("because inputs are short").to_le_bytes(),
        );
        rest.extend_from_slice(&Record::VERSION.to_le_bytes());
        rest.extend_from_slice(&sequence.to_le_bytes());
        rest.extend_from_slice(payload);
        file.extend_from_slice(b"\xffci\xfe");
        file.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
        file.extend_from_slice(&rest);
    }
    file
}

/// A store that has been opened once has no damage left.
fn open(dir: &Path) -> Store {
    let store = Store::open(dir).unwrap_or_else(|error| panic!("it opened before: {error}"));
    assert_eq!(store.damage(), [], "it is told once");
    store
}

fn all(store: &Store) -> (Vec<JobRecord>, Vec<OpenIntent>) {
    (store.jobs(&JobFilter::default(), usize::MAX), store.open_intents())
}
