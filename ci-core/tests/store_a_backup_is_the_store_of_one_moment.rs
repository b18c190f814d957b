//! A store can be copied while another process writes it. The copy holds what was told of before it began, and is put in
//! place whole, or not at all.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use ci_core::Engine;
use ci_core::job::LogText;
use ci_core::logs::{Due, Shelf};
use ci_core::store::{BackupError, DamageKind, Glance, OpenError, Options, Report, Store};
use store_support::*;

fn back_up(state: &Path, to: &Path) -> Result<Report, BackupError> {
    ci_core::store::back_up(state, to, &Engine::SIDE_FILES)
}

fn restore(backup: &Path, state: &Path) -> Result<Report, BackupError> {
    ci_core::store::restore(backup, state, &Engine::SIDE_FILES)
}

fn check(dir: &Path) -> Result<Report, BackupError> {
    ci_core::store::check(dir, &Engine::SIDE_FILES)
}

/// A state directory in which an engine ran, with jobs and a log for each, compacted now and then; and its store, open.
fn filled(dir: &Path) -> Store {
    drop(Engine::open(dir).unwrap());
    fs::write(dir.join("log-rules.json"), r#"{ "version": 1, "rules": [] }"#).unwrap();
    let store = Store::open_with(dir, small()).unwrap();
    let epoch = store.epoch();
    for n in 1..=20 {
        put(&store, intent("build", n % KEYS, n, epoch)).unwrap();
        write_log(&store, n);
        put(&store, outcome(n, n % 3 > 0, epoch)).unwrap();
    }
    put(&store, intent("publish", 0, 40, epoch)).unwrap();
    put(&store, handle(40, "here")).unwrap();
    put(&store, approved("publish", 0, 1)).unwrap();
    store
}

fn log_of(n: u32) -> String {
    format!("job {n} begins\njob {n} ends\n")
}

fn write_log(store: &Store, n: u32) {
    let path = store.log_path(&job(n));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, log_of(n)).unwrap();
}

/// The files below a folder, with what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => _ = found.insert(path.clone(), fs::read(path).unwrap()),
        }
    }
    found
}

#[test]
fn it_answers_as_the_store_did_and_disturbs_nothing() {
    let (state, copies) = (quick_dir(), quick_dir());
    let store = filled(state.path());
    let before = files(state.path());
    let (backup, again) = (copies.path().join("backup"), copies.path().join("again"));

    let made = back_up(state.path(), &backup).unwrap();

    assert_eq!(files(state.path()), before, "its owner notices nothing");
    assert_eq!(made, check(state.path()).unwrap());
    assert_eq!((made.open, made.approvals, made.is_whole()), (1, 1, true));
    assert_eq!(restore(&backup, &again).unwrap(), made);
    for copied in ["owner", "log-rules.json"] {
        assert_eq!(fs::read(again.join(copied)).unwrap(), fs::read(state.path().join(copied)).unwrap());
    }
    // What was to say something about the backup says nothing about the store.
    assert!(!again.join("backup.json").exists());
    let (restored, answers) = reopened(&again, small()).unwrap();
    assert_eq!(answers, store_support::answers(&store));
    assert_eq!(restored.damage(), []);
    assert_eq!(
        restored.epoch(),
        store.epoch() + 1,
        "nobody takes it for the process that goes on writing the other"
    );
    for listed in answers.jobs.iter().filter(|listed| listed.outcome.is_some()) {
        let log = |store: &Store| fs::read_to_string(store.log_path(&listed.intent.job)).unwrap();
        assert_eq!(log(&restored), log(&store));
    }
}

#[test]
fn the_logs_of_its_jobs_are_counted_and_nothing_else_is() {
    let state = quick_dir();
    let store = filled(state.path());
    let [plain, packed, both] = [1, 2, 3].map(|n| store.log_path(&job(n)));
    fs::write(plain.with_extension("log.marks"), "marks").unwrap();
    fs::write(plain.with_extension("log.gz.part"), "half").unwrap();
    fs::rename(&packed, packed.with_extension("log.gz")).unwrap();
    fs::copy(&both, both.with_extension("log.gz")).unwrap();
    fs::write(state.path().join("jobs/in-use"), "").unwrap();
    let bytes = |n: u32| log_of(n).len() as u64;
    let expected = (20, (1..=20).map(bytes).sum::<u64>() + bytes(3));
    assert_eq!(check(state.path()).unwrap().logs, expected);
}

#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (state, copies) = (quick_dir(), quick_dir());
    let _store = filled(state.path());
    let (backup, again) = (copies.path().join("backup"), copies.path().join("again"));
    back_up(state.path(), &backup).unwrap();
    restore(&backup, &again).unwrap();
    for copy in [backup, again] {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&copy), 0o700);
        for (file, _) in files(&copy) {
            assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700), "{}", file.display());
        }
    }
}

/// Also when the test fails.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The journal is compacted every hundred records here, so its files come and go under the copy.
#[test]
fn what_was_told_before_it_began_is_in_it_whatever_is_written_meanwhile() {
    const BACKUPS: u32 = 8;
    let (state, copies) = (quick_dir(), quick_dir());
    let options = Options { segment_bytes_max: 50_000, jobs_max: 100, ..Options::default() };
    let store = Store::open_with(state.path(), options.clone()).unwrap();
    // Copying it takes a moment, in which much is written.
    fs::write(state.path().join("quarantine/large"), vec![7; 4 << 20]).unwrap();
    let (told, over) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1.. {
                put(&store, intent("build", n % KEYS, n, 1)).unwrap();
                write_log(&store, n);
                put(&store, outcome(n, true, 1)).unwrap();
                told.store(n, Ordering::Release);
                if over.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        let _end = SetAtTheEnd(&over);
        for _ in 0..BACKUPS {
            let (backup, again) = (copies.path().join("backup"), copies.path().join("again"));
            let before = told.load(Ordering::Acquire);
            let made = back_up(state.path(), &backup);
            let after = told.load(Ordering::Acquire);
            let made = made.unwrap();
            assert!(made.is_whole(), "{made:?}");
            restore(&backup, &again).unwrap();
            let (restored, answers) = reopened(&again, options.clone()).unwrap();
            assert_eq!(restored.damage(), []);
            // Of each key the newest result that was told of, or a newer one.
            for of in 0..KEYS {
                let newest_told = (1..=before).rev().find(|n| n % KEYS == of);
                let seen = restored.result("build", &key(of)).map(|found| found.outcome.finished_at_ms);
                assert!(newest_told.map(|n| 3000 + u64::from(n)) <= seen, "{newest_told:?} {seen:?}");
            }
            assert!(answers.jobs.len() <= after as usize + 1, "{} jobs of {after}", answers.jobs.len());
            for ended in answers.jobs.iter().filter(|listed| listed.outcome.is_some()) {
                let n = u32::try_from(ended.intent.queued_at_ms - 1000).unwrap();
                assert_eq!(fs::read_to_string(restored.log_path(&job(n))).unwrap(), log_of(n));
            }
            drop(restored);
            fs::remove_dir_all(backup).unwrap();
            fs::remove_dir_all(again).unwrap();
        }
    });
}

#[test]
fn a_log_that_is_packed_meanwhile_is_in_it() {
    const LOGS: u32 = 500;
    let (state, copies) = (quick_dir(), quick_dir());
    let store = Store::open_with(state.path(), small()).unwrap();
    (0..LOGS).for_each(|n| write_log(&store, n));
    let (unfinished, shelf) = (store.log_path(&job(LOGS)).with_extension("log.gz.part"), Shelf::of(&store));
    fs::write(&unfinished, "half").unwrap();
    let backup = copies.path().join("backup");
    thread::scope(|scope| {
        let copied = scope.spawn(|| back_up(state.path(), &backup));
        while !backup.join("jobs").exists() && !copied.is_finished() {
            thread::yield_now();
        }
        // Now behind where the copy is, now before it.
        for n in (0..LOGS).map(|n| n * 7 % LOGS) {
            shelf.settle(&Due { job: job(n), bytes: 0, expires: None }).unwrap();
        }
        copied.join().unwrap().unwrap();
    });
    let copied = |path: &Path| backup.join(path.strip_prefix(state.path()).unwrap());
    for n in 0..LOGS {
        let log = LogText::open(&copied(&store.log_path(&job(n)))).unwrap();
        let mut log = log.unwrap_or_else(|| panic!("the log of job {n} is missing"));
        assert_eq!(log.read(0, 1000).unwrap(), log_of(n).as_bytes());
    }
    assert!(!copied(&unfinished).exists(), "nobody reads it");
}

#[test]
fn only_an_empty_directory_is_filled() {
    let (state, copies) = (quick_dir(), quick_dir());
    let store = filled(state.path());
    let backup = copies.path().join("backup");
    fs::create_dir(&backup).unwrap();
    back_up(state.path(), &backup).unwrap();
    store.close();
    let before = files(state.path());

    assert!(matches!(restore(&backup, state.path()), Err(BackupError::NotEmpty(dir)) if dir == state.path()));
    assert!(matches!(back_up(state.path(), &backup), Err(BackupError::NotEmpty(dir)) if dir == backup));

    assert_eq!(files(state.path()), before);
    assert!(check(&backup).unwrap().is_whole());
    let nowhere = copies.path().join("nowhere");
    assert!(matches!(back_up(&nowhere, &copies.path().join("new")), Err(BackupError::NoStore(_))));
    assert!(matches!(check(&nowhere), Err(BackupError::NoStore(_))));
    assert!(matches!(restore(state.path(), &nowhere), Err(BackupError::NoBackup(_))));
    assert!(!nowhere.exists() && !copies.path().join("new").exists(), "asking makes nothing");
}

#[test]
fn one_that_was_changed_is_told_and_not_put_in_place() {
    let (state, copies) = (quick_dir(), quick_dir());
    let store = filled(state.path());
    let backup = copies.path().join("backup");
    back_up(state.path(), &backup).unwrap();
    drop(store);
    let is_refused = |what: &str| {
        let again = copies.path().join("again");
        let refused = restore(&backup, &again);
        assert!(matches!(refused, Err(BackupError::Changed(_))), "{what}: {refused:?}");
        assert_eq!(fs::read_dir(again).map_or(0, Iterator::count), 0, "{what}: nothing of it stays");
    };
    let all = files(&backup);
    assert!(all.len() > 20, "{:?}", all.keys());
    for (file, bytes) in &all {
        let name = file.display();
        let is_note = file.ends_with("backup.json");
        for at in (0..bytes.len()).step_by(if is_note { 1 } else { 97 }) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(file, flipped).unwrap();
            is_refused(&format!("byte {at} of {name}"));
            fs::write(file, &bytes[..at]).unwrap();
            is_refused(&format!("{name} cut to {at} bytes"));
        }
        assert!(!check(&backup).is_ok_and(|report| report.is_whole()), "{name}");
        if !is_note {
            fs::remove_file(file).unwrap();
            is_refused(&format!("{name} removed"));
        }
        fs::write(file, bytes).unwrap();
    }
    restore(&backup, &copies.path().join("again")).unwrap();
}

#[test]
fn what_was_copied_in_part_is_nobodys_store() {
    let (state, copies) = (quick_dir(), quick_dir());
    drop(filled(state.path()));
    let (backup, again) = (copies.path().join("backup"), copies.path().join("again"));
    back_up(state.path(), &backup).unwrap();
    let is_unfinished = |error: OpenError| matches!(error, OpenError::Unfinished { .. });
    let is_refused = |done: Result<Report, BackupError>| match done {
        Err(BackupError::Unreadable(error)) => is_unfinished(error),
        done => panic!("{done:?}"),
    };
    // As a kill leaves it.
    fs::write(backup.join("unfinished"), "").unwrap();
    assert!(is_refused(check(&backup)) && is_refused(restore(&backup, &again)));
    assert!(is_refused(back_up(&backup, &again)));
    assert!(is_unfinished(Store::open(&backup).unwrap_err()));
    assert!(is_unfinished(Glance::at(&backup).unwrap_err()));
    assert!(!again.exists());
}

#[test]
fn what_can_not_be_copied_leaves_nothing() {
    let (state, copies) = (quick_dir(), quick_dir());
    drop(filled(state.path()));
    // A record as only a newer program writes it.
    let newest = newest_segment(state.path());
    let mut bytes = fs::read(&newest).unwrap();
    let start = (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(b"\xffci\xfe")).unwrap();
    bytes[start + 12..start + 14].copy_from_slice(&7_u16.to_le_bytes());
    let crc = crc32fast::hash(&bytes[start + 8..]);
    bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    fs::write(&newest, bytes).unwrap();
    let backup = copies.path().join("backup");
    let refused = back_up(state.path(), &backup).unwrap_err();
    assert!(matches!(&refused, BackupError::Unreadable(OpenError::Newer { found: 7, .. })), "{refused}");
    assert_eq!(files(&backup), BTreeMap::new());
    fs::write(newest, "").unwrap();
    back_up(state.path(), &backup).unwrap();
}

fn newest_segment(state: &Path) -> PathBuf {
    let all = fs::read_dir(state.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|kind| kind == "journal")).max().unwrap()
}

#[test]
fn damage_is_told_and_copied_with_the_rest() {
    let (state, copies) = (quick_dir(), quick_dir());
    let store = filled(state.path());
    put(&store, approved("publish", 1, 2)).unwrap();
    put(&store, approved("publish", 2, 2)).unwrap();
    drop(store);
    let newest = newest_segment(state.path());
    let whole = fs::read(&newest).unwrap();
    let starts: Vec<_> = (0..whole.len()).filter(|at| whole[*at..].starts_with(b"\xffci\xfe")).collect();
    let [.., second_last, last] = starts[..] else { panic!("there are records") };
    let kinds = |report: &Report| report.damage.iter().map(|damage| damage.kind.clone()).collect::<Vec<_>>();

    let mut bytes = whole.clone();
    bytes[second_last + 30] ^= 1;
    fs::write(&newest, &bytes).unwrap();
    fs::write(state.path().join("owner"), "nobody").unwrap();
    let told = check(state.path()).unwrap();
    assert_eq!(kinds(&told), [DamageKind::Bytes, DamageKind::Missing(1)]);
    assert_eq!(told.damage[0].bytes, second_last as u64..last as u64);
    let [(wrong, why)] = &told.wrong[..] else { panic!("{:?}", told.wrong) };
    assert!(*wrong == state.path().join("owner") && why.contains("it holds no owner"), "{why}");
    let backup = copies.path().join("backup");
    let copied = back_up(state.path(), &backup).unwrap();
    assert_eq!((kinds(&copied), copied.wrong.len()), (kinds(&told), 1));
    assert_eq!(fs::read(backup.join("journal").join(newest.file_name().unwrap())).unwrap(), bytes);
    let (store, _) = reopened(&backup, small()).unwrap();
    assert_eq!(store.damage().len(), 2, "the damage is found in the copy as it is in the store");

    // An end that stays torn is no write that is under way.
    fs::write(&newest, &whole[..last + 9]).unwrap();
    fs::remove_file(state.path().join("owner")).unwrap();
    let told = check(state.path()).unwrap();
    assert_eq!((kinds(&told), told.wrong), (vec![DamageKind::Tail], vec![]));
    let torn = copies.path().join("torn");
    assert_eq!(kinds(&back_up(state.path(), &torn).unwrap()), [DamageKind::Tail]);
    assert_eq!(fs::read(torn.join("journal").join(newest.file_name().unwrap())).unwrap(), whole[..last + 9]);
}

#[test]
fn a_record_that_is_being_written_is_waited_for() {
    let (state, copies) = (quick_dir(), quick_dir());
    drop(filled(state.path()));
    let newest = newest_segment(state.path());
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, &whole[..whole.len() - 3]).unwrap();
    let (rest, at) = (whole[whole.len() - 3..].to_vec(), newest.clone());
    let backup = copies.path().join("backup");
    let report = thread::scope(|scope| {
        let copied = scope.spawn(|| back_up(state.path(), &backup));
        // The rest of it comes when the copy has been begun.
        while !backup.join("journal").join(at.file_name().unwrap()).exists() && !copied.is_finished() {
            thread::yield_now();
        }
        let mut file = fs::File::options().append(true).open(&at).unwrap();
        io::Write::write_all(&mut file, &rest).unwrap();
        copied.join().unwrap()
    });
    assert!(report.unwrap().is_whole());
    assert_eq!(fs::read(backup.join("journal").join(newest.file_name().unwrap())).unwrap(), whole);
}
