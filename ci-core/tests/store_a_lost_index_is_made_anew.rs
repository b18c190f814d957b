//! sled is thrown away and made again from the journal whenever there is doubt about it, and nobody sees a
//! difference; without doubt it is kept.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ci_core::store::{DamageKind, Store};
use store_support::*;

fn filled(dir: &Path) -> Answers {
    let store = Store::open_with(dir, small()).unwrap();
    for n in 1..=30 {
        put(&store, intent("build", n % KEYS, n, 1)).unwrap();
        put(&store, handle(n, "c")).unwrap();
        put(&store, outcome(n, n % 3 > 0, 1)).unwrap();
    }
    put(&store, intent("publish", 0, 40, 1)).unwrap();
    put(&store, approved("publish", 0, 1)).unwrap();
    put(&store, invalidated("build", 2, "asked")).unwrap();
    answers(&store)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn inode(dir: &Path) -> u64 {
    fs::metadata(dir.join("index/db")).unwrap().ino()
}

/// Each way of losing it, and whether the index is made anew.
#[test]
fn answers_are_the_same_whatever_happens_to_sled() {
    type Harm = fn(&Path);
    let harms: [(&str, bool, Harm); 9] = [
        ("nothing", false, |_| ()),
        ("not closed", true, forget_that_it_was_closed),
        ("removed", true, |dir| fs::remove_dir_all(dir.join("index")).unwrap()),
        ("a file in its place", true, |dir| {
            fs::remove_dir_all(dir.join("index")).unwrap();
            fs::write(dir.join("index"), "x").unwrap();
        }),
        ("one file removed", true, |dir| fs::remove_file(dir.join("index/conf")).unwrap()),
        ("cut by a page", true, |dir| {
            let db = fs::File::options().write(true).open(dir.join("index/db")).unwrap();
            db.set_len(db.metadata().unwrap().len() - 4096).unwrap();
        }),
        ("empty", true, |dir| fs::write(dir.join("index/db"), "").unwrap()),
        ("garbage", true, |dir| {
            files(&dir.join("index")).into_iter().for_each(|file| fs::write(file, [0x5a; 99_999]).unwrap());
        }),
        ("another version", true, |dir| {
            let path = dir.join("index.clean");
            let text = fs::read_to_string(&path).unwrap();
            let (_, json) = text.split_once(' ').unwrap();
            let mut note: serde_json::Value = serde_json::from_str(json).unwrap();
            note["version"] = (note["version"].as_u64().unwrap() + 1).into();
            let json = note.to_string();
            fs::write(path, format!("{:08x} {json}", crc32fast::hash(json.as_bytes()))).unwrap();
        }),
    ];
    for (what, anew, harm) in harms {
        let dir = tempfile::tempdir().unwrap();
        let before = filled(dir.path());
        // An inode that is in use is not given away again, so that a new file can be told from the old one.
        let old = fs::File::open(dir.path().join("index/db")).unwrap();
        harm(dir.path());
        let (store, after) = reopened(dir.path(), small()).unwrap();
        assert_eq!(before, after, "{what}");
        assert_eq!(store.damage(), [], "{what}");
        assert_eq!(inode(dir.path()) != old.metadata().unwrap().ino(), anew, "{what}");
    }
}

#[test]
fn every_flipped_byte_of_sled_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    for round in 0..25 {
        let files = files(&dir.path().join("index"));
        let file = &files[round % files.len()];
        let mut bytes = fs::read(file).unwrap();
        let at = (round * 7919 + 13) % bytes.len();
        bytes[at] ^= 1;
        fs::write(file, bytes).unwrap();
        let old = fs::File::open(dir.path().join("index/db")).unwrap();
        let (_store, after) = reopened(dir.path(), small()).unwrap();
        assert_eq!(before, after, "byte {at} of {}", file.display());
        assert_ne!(inode(dir.path()), old.metadata().unwrap().ino(), "byte {at} of {}", file.display());
    }
}

/// What it says of the index is believed whole or not at all: above all how far the journal should go.
#[test]
fn every_flipped_byte_of_its_note_is_noticed_and_every_cut() {
    let whole = quick_dir();
    let before = filled(whole.path());
    let kept = files(whole.path());
    let note = fs::read(whole.path().join("index.clean")).unwrap();
    let dir = quick_dir();
    for at in 0..note.len() {
        let mut flipped = note.clone();
        flipped[at] ^= 1 << (at % 8);
        for note in [&flipped[..], &note[..at]] {
            for file in &kept {
                let copy = dir.path().join(file.strip_prefix(whole.path()).unwrap());
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::copy(file, copy).unwrap();
            }
            fs::write(dir.path().join("index.clean"), note).unwrap();
            let old = fs::File::open(dir.path().join("index/db")).unwrap();
            let (store, after) = reopened(dir.path(), small()).unwrap();
            assert_eq!((&after, store.damage()), (&before, vec![]), "byte {at}");
            assert_ne!(inode(dir.path()), old.metadata().unwrap().ino(), "byte {at}");
            drop(store);
            fs::remove_dir_all(dir.path().join("journal")).unwrap();
        }
    }
}

#[test]
fn every_file_of_sled_that_is_cut_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    for at in 0..files(&dir.path().join("index")).len() {
        for cut in [|_| 0, |len: u64| len / 2, |len| len - 1] {
            let index = files(&dir.path().join("index"));
            let Some(file) = index.get(at) else { continue };
            let len = file.metadata().unwrap().len();
            if len == 0 {
                continue;
            }
            fs::File::options().write(true).open(file).unwrap().set_len(cut(len)).unwrap();
            let old = fs::File::open(dir.path().join("index/db")).unwrap();
            let (store, after) = reopened(dir.path(), small()).unwrap();
            assert_eq!((&after, store.damage()), (&before, vec![]), "{} of {len}", file.display());
            assert_ne!(inode(dir.path()), old.metadata().unwrap().ino(), "{} of {len}", file.display());
        }
    }
}

#[test]
fn an_index_that_knows_more_than_the_journal_is_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    for file in files(&dir.path().join("journal")) {
        fs::remove_file(file).unwrap();
    }
    let (store, after) = reopened(dir.path(), small()).unwrap();
    assert_eq!(after.jobs, []);
    assert_eq!(store.damage().iter().map(|d| &d.kind).collect::<Vec<_>>(), [&DamageKind::Missing(94)]);
    let kept = files(&dir.path().join("quarantine"));
    assert!(kept.iter().any(|file| file.to_str().unwrap().contains("/index@94-") && file.ends_with("db")));
}
