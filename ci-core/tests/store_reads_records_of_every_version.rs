//! For each version of the records there is a journal as a program of that time wrote it. All are still read, and
//! mean the same.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::fs;
use std::path::{Path, PathBuf};

use ci_core::store::Store;
use ci_core::store::record::Record;
use store_support::*;

fn sample(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/records/v{version}.journal"))
}

/// Every kind of record that version 1 has, but the first, which the store writes.
fn version_1() -> Vec<Record> {
    vec![
        intent("build", 0, 1, 1),
        handle(1, "c1"),
        outcome(1, true, 1),
        invalidated("build", 0, "rebuild asked by ada"),
        approved("publish", 1, 2),
        intent("publish", 1, 2, 1),
        outcome(2, false, 1),
        intent("build", 2, 3, 1),
    ]
}

#[test]
fn records_of_every_version_are_read() {
    // A new version needs its sample, and its arm here.
    for version in 1..=Record::VERSION {
        let records = match version {
            1 => version_1(),
            other => panic!("version {other} has no records to compare with"),
        };
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for record in records {
            put(&store, record).unwrap();
        }
        let expected = answers(&store);

        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("journal")).unwrap();
        fs::copy(sample(version), dir.path().join("journal/00000000000000000001.journal")).unwrap();
        let (store, found) = reopened(dir.path(), Default::default()).unwrap();
        assert_eq!((found, store.damage()), (expected, vec![]), "version {version}");
        assert_eq!(store.epoch(), 2);
    }
}

/// A kind of record that is added needs a sample before anything else: nobody else holds it to what was written once.
#[test]
fn every_kind_of_record_has_a_sample() {
    // serde knows them all, and says so: unknown variant `?`, expected one of `opened`, `intent`, …
    let kinds = serde_json::from_str::<Record>(r#"{ "record": "?" }"#).unwrap_err().to_string();
    let kinds: Vec<_> = kinds.split('`').skip(3).step_by(2).collect();
    assert!(kinds.starts_with(&["opened", "intent"]), "{kinds:?}");
    let samples: Vec<_> = (1..=Record::VERSION).map(|version| fs::read(sample(version)).unwrap()).collect();
    for kind in kinds {
        let begins = format!(r#"{{"record":"{kind}""#);
        let is_there =
            |sample: &Vec<u8>| sample.windows(begins.len()).any(|bytes| bytes == begins.as_bytes());
        assert!(samples.iter().any(is_there), "no sample has a record {kind:?}");
    }
}

/// Writing in the newest version still gives the bytes of its sample (but for the time of opening): the version
/// grows when the format changes.
#[test]
fn the_newest_version_is_written_as_its_sample() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for record in version_1() {
        put(&store, record).unwrap();
    }
    let written = fs::read(dir.path().join("journal/00000000000000000001.journal")).unwrap();
    if let Some(to) = std::env::var_os("STORE_TEST_WRITE_SAMPLE") {
        fs::write(to, &written).unwrap();
    }
    let second = |bytes: &[u8]| {
        let magics = (1..bytes.len()).find(|at| bytes[*at..].starts_with(b"\xffci\xfe"));
        bytes[magics.unwrap()..].to_vec()
    };
    let sample = fs::read(sample(Record::VERSION)).unwrap();
    assert!(
        second(&written) == second(&sample),
        "the format changed: give it a new version and a new sample"
    );
}
