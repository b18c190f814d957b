//! Wherever a crash cuts what is written, the next process finds everything that was acknowledged, perhaps more of
//! what was on its way, and nothing else; and it can go on.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::path::Path;
use std::sync::Arc;

use ci_core::store::record::Record;
use ci_core::store::{DamageKind, Disk, Options, Store};
use store_support::disks::Cut;
use store_support::*;

fn scenario(epoch: u64) -> Vec<Record> {
    vec![
        intent("build", 0, 1, epoch),
        handle(1, "c1"),
        outcome(1, true, epoch),
        approved("publish", 1, 2),
        intent("publish", 1, 2, epoch),
        invalidated("build", 0, "asked"),
        outcome(2, false, epoch),
        intent("build", 0, 3, epoch),
    ]
}

/// What is answered after each of the records.
fn states() -> Vec<Answers> {
    let dir = quick_dir();
    let store = Store::open(dir.path()).unwrap();
    let mut states = vec![answers(&store)];
    for record in scenario(1) {
        put(&store, record).unwrap();
        states.push(answers(&store));
    }
    states
}

/// Opens what a crash left, which holds the first `acknowledged` records or more, and goes on.
fn is_a_state_and_goes_on(dir: &Path, acknowledged: usize, states: &[Answers], what: &str) {
    let (store, found) = reopened(dir, Options::default()).unwrap();
    assert!(states[acknowledged..].contains(&found), "{what}: not a state after {acknowledged}: {found:#?}");
    assert!(
        store.damage().iter().all(|damage| damage.kind == DamageKind::Tail),
        "{what}: {:?}",
        store.damage()
    );
    put(&store, intent("publish", 3, 9, store.epoch())).unwrap();
    let before = answers(&store);
    drop(store);
    forget_that_it_was_closed(dir);
    let (store, after) = reopened(dir, Options::default()).unwrap();
    assert_eq!(before, after, "{what}");
    assert_eq!(store.damage(), [], "{what}: what was cut off is told once");
}

#[test]
fn a_journal_cut_at_any_byte_is_a_prefix() {
    let states = states();
    let whole = quick_dir();
    let store = Store::open(whole.path()).unwrap();
    let segment = whole.path().join("journal/00000000000000000001.journal");
    let mut ends = vec![segment.metadata().unwrap().len()];
    for record in scenario(1) {
        put(&store, record).unwrap();
        ends.push(segment.metadata().unwrap().len());
    }
    let bytes = std::fs::read(&segment).unwrap();
    assert_eq!(bytes.len() as u64, ends[8]);
    for len in 0..=bytes.len() {
        let dir = quick_dir();
        std::fs::create_dir(dir.path().join("journal")).unwrap();
        let cut = dir.path().join("journal/00000000000000000001.journal");
        std::fs::write(cut, &bytes[..len]).unwrap();
        let (store, found) = reopened(dir.path(), Options::default()).unwrap();
        let complete = ends.iter().filter(|end| **end <= len as u64).count();
        assert_eq!(found, states[complete.saturating_sub(1)], "cut to {len} bytes");
        let torn = len > 0 && !ends.contains(&(len as u64));
        assert_eq!(store.damage().len(), usize::from(torn), "cut to {len} bytes");
        if torn {
            let damage = &store.damage()[0];
            assert_eq!(damage.kind, DamageKind::Tail);
            let copy = std::fs::read(damage.copy.as_ref().unwrap()).unwrap();
            assert_eq!(copy, bytes[damage.bytes.start as usize..len]);
        }
    }
}

/// Runs the scenario on a disk that stops after so much; says how many records were acknowledged.
fn run_on(disk: &Arc<Cut>, dir: &Path, states: &[Answers]) -> usize {
    let disk_too: Arc<dyn Disk> = disk.clone();
    let options = Options { segment_bytes_max: 900, disk: disk_too, ..Options::default() };
    let Ok(store) = Store::open_with(dir, options) else { return 0 };
    for (acknowledged, record) in scenario(store.epoch()).into_iter().enumerate() {
        let found = put(&store, record);
        if found.is_err() {
            assert_eq!(disk.left(), 0, "{found:?}");
            assert_eq!(answers(&store), states[acknowledged], "nobody sees what failed");
            return acknowledged;
        }
    }
    scenario(1).len()
}

#[test]
fn every_write_may_be_the_last() {
    let states = states();
    let endless = Arc::new(Cut::after(u64::MAX));
    let dir = quick_dir();
    assert_eq!(run_on(&endless, dir.path(), &states), 8);
    // Before each step, after the first byte, in the middle, and before the last byte of each write.
    let cuts = |(from, to): (u64, u64)| [from, from + 1, from.midpoint(to), to - 1];
    let mut budgets: Vec<u64> = endless.steps().into_iter().flat_map(cuts).collect();
    budgets.sort_unstable();
    budgets.dedup();
    let mut snapshots = 0;
    let losses = ["nothing", "bytes", "bytes and names"];
    for (budget, lost) in budgets.iter().flat_map(|budget| losses.map(|lost| (*budget, lost))) {
        let dir = quick_dir();
        let disk = Arc::new(Cut::after(budget));
        let acknowledged = run_on(&disk, dir.path(), &states);
        let _ = std::fs::remove_file(dir.path().join("index.clean"));
        let folder = dir.path().join("journal");
        if lost == "bytes and names" {
            disk.lose_names_that_were_not_synced();
        }
        if lost != "nothing" {
            disk.lose_what_was_not_synced(&folder);
        }
        let mut left = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        snapshots += u32::from(left.any(|path| path.extension().is_some_and(|name| name == "snapshot")));
        is_a_state_and_goes_on(dir.path(), acknowledged, &states, &format!("{budget}, {lost} lost"));
    }
    assert!(snapshots > 10, "the cuts reach behind a compaction: {snapshots}");
}
