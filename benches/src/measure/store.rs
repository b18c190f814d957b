//! What a long history costs those who start with it, and those who look at it.

use std::path::Path;
use std::time::Instant;

use ci_core::JobId;
use ci_core::store::{JobFilter, JobState, Store};
use tempfile::TempDir;

use crate::records::records;
use crate::score::{Score, median};
use crate::shape::Sizes;

/// A store is opened until it answers.
pub const OPENED: &str = "a store of 100,000 results is opened";
/// It was closed.
pub const CLOSED: &str = "after a close";
/// It was killed: what it asks is made anew.
pub const KILLED: &str = "after a kill";
/// The jobs of a page are found in it.
pub const LISTED: &str = "a page of jobs of 100,000 is found";
/// The newest.
pub const NEWEST: &str = "the newest";
/// Of those of one operation, behind a thousand newer ones.
pub const OF_OP: &str = "of one operation";
/// Of those that failed, though none did.
pub const FAILED: &str = "failed";
/// By a text that none has: as far as is looked for it at once.
pub const TEXT: &str = "by a text that none has";

/// Jobs on a page.
const PAGE: usize = 100;
/// Jobs that are looked through for a text, and how many at a time, before people are asked whether to go on.
const LOOKED_THROUGH: usize = 20_000;
const READ_AT_ONCE: usize = 200;
/// How often each is done.
const ROUNDS: usize = 5;
/// Records that are on their way to the disk at once.
const AT_ONCE: u32 = 1000;

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    let (opened, listed) = (wanted(OPENED), wanted(LISTED));
    if !opened && !listed {
        return;
    }
    let dir = filled(sizes.results);
    if opened {
        for (by, was_killed) in [(CLOSED, false), (KILLED, true)] {
            let mut times: Vec<_> = (0..ROUNDS).map(|_| open(dir.path(), was_killed)).collect();
            score.line(OPENED, by).seconds = median(&mut times);
        }
    }
    if listed {
        list(score, &Store::open(dir.path()).expect("because nobody has it"));
    }
}

fn filled(jobs: u32) -> TempDir {
    let dir = tempfile::tempdir().expect("because a temporary folder can be made");
    let store = Store::open(dir.path()).expect("because the folder is new");
    for lot in 0..jobs.div_ceil(AT_ONCE) {
        let numbers = lot * AT_ONCE..jobs.min((lot + 1) * AT_ONCE);
        let appends: Vec<_> =
            numbers.flat_map(|n| records(n, store.epoch())).map(|record| store.append(record)).collect();
        for append in appends {
            append.wait().expect("because there is space, and the record is new");
        }
    }
    store.close();
    dir
}

/// Seconds until the store answers.
fn open(dir: &Path, was_killed: bool) -> f64 {
    if was_killed {
        // Without it an index is not believed, as when its process did not come to closing it.
        std::fs::remove_file(dir.join("index.clean")).expect("because it was closed");
    }
    let began = Instant::now();
    let store = Store::open(dir).expect("because nobody has it");
    assert_eq!(store.jobs(&JobFilter::default(), 1).len(), 1);
    let took = began.elapsed().as_secs_f64();
    store.close();
    took
}

fn list(score: &mut Score, store: &Store) {
    let thousandth = store.jobs(&JobFilter::default(), 1000).pop().map(|job| job.intent.job);
    let of_op = JobFilter { op: Some("build".to_owned()), before: thousandth, ..JobFilter::default() };
    let failed = JobFilter { state: Some(JobState::Failed), ..JobFilter::default() };
    for (by, filter) in [(NEWEST, JobFilter::default()), (OF_OP, of_op), (FAILED, failed)] {
        let mut times: Vec<_> = (0..ROUNDS).map(|_| found(store, &filter)).collect();
        score.line(LISTED, by).seconds = median(&mut times);
    }
    let mut times: Vec<_> = (0..ROUNDS).map(|_| searched(store, "nobody says this")).collect();
    score.line(LISTED, TEXT).seconds = median(&mut times);
}

/// Seconds until a text is found nowhere.
fn searched(store: &Store, text: &str) -> f64 {
    let began = Instant::now();
    let mut filter = JobFilter::default();
    for _ in 0..LOOKED_THROUGH / READ_AT_ONCE {
        let jobs = store.jobs(&filter, READ_AT_ONCE);
        assert!(jobs.iter().all(|job| !job.intent.summary.to_lowercase().contains(text)));
        filter.before = jobs.last().map(|job| job.intent.job.clone());
    }
    began.elapsed().as_secs_f64()
}

/// Seconds until a page is found.
fn found(store: &Store, filter: &JobFilter) -> f64 {
    let began = Instant::now();
    let ids: Vec<JobId> = store.jobs(filter, PAGE).into_iter().map(|job| job.intent.job).collect();
    let took = began.elapsed().as_secs_f64();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    took
}
