//! Jobs are listed by their key, operation, state and id, newest first and page by page.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use ci_core::JobId;
use ci_core::store::{JobFilter, JobState, Options, Store};
use store_support::*;

/// As many as a page that goes through all of an operation's jobs would stop at.
const MANY: u32 = 300;

fn ids(store: &Store, filter: JobFilter, limit: usize) -> Vec<JobId> {
    store.jobs(&filter, limit).into_iter().map(|job| job.intent.job).collect()
}

/// Attempts at keys by turns, each with its end.
fn filled(dir: &std::path::Path, jobs: impl Iterator<Item = (&'static str, u32, bool)>) -> Store {
    let store = Store::open(dir).unwrap();
    let mut last = None;
    for (n, (op, of, ok)) in (1..).zip(jobs) {
        last = Some([intent(op, of, n, 1), outcome(n, ok, 1)].map(|record| store.append(record)));
    }
    for append in last.into_iter().flatten() {
        append.wait().unwrap();
    }
    store
}

#[test]
fn the_history_of_a_key_is_whole_however_much_else_was_done() {
    let dir = quick_dir();
    let ours = [1, 2, 3].map(|_| ("build", 0, true));
    let others = (0..MANY).map(|_| ("build", 1, true));
    let store = filled(dir.path(), ours.into_iter().chain(others));
    let of_key = JobFilter { op: Some("build".to_owned()), key: Some(key(0)), ..JobFilter::default() };
    let history = [job(3), job(2), job(1)];
    assert_eq!(ids(&store, of_key.clone(), 100), history);
    let first = ids(&store, of_key.clone(), 2);
    let rest = ids(&store, JobFilter { before: first.last().cloned(), ..of_key.clone() }, 2);
    assert_eq!((&first[..], &rest[..]), (&history[..2], &history[2..]));
    store.close();

    // As an older program left it, which had no such list.
    let note = dir.path().join("index.clean");
    let text = std::fs::read_to_string(&note).unwrap();
    let (_, json) = text.split_once(' ').unwrap();
    let older = json.replace(&format!("\"version\":{}", version(json)), "\"version\":1");
    assert_ne!(json, older);
    std::fs::write(&note, format!("{:08x} {older}", crc32fast::hash(older.as_bytes()))).unwrap();
    let store = Store::open_with(dir.path(), Options::default()).unwrap();
    assert_eq!(ids(&store, of_key, 100), history);
}

/// Of the index.
fn version(note: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(note).unwrap()["version"].as_u64().unwrap()
}

#[test]
fn by_operation_state_and_what_is_to_be_made_again_page_by_page() {
    let dir = quick_dir();
    let op = |n| OPS[n as usize % 2];
    let store = filled(dir.path(), (1..=MANY).map(|n| (op(n), n, !n.is_multiple_of(3))));
    for n in [30, 31] {
        put(&store, invalidated(op(n), n, "rebuild asked by ada")).unwrap();
    }
    for (state, ok) in [(JobState::Ok, true), (JobState::Failed, false)] {
        let filter = JobFilter { op: Some("publish".to_owned()), state: Some(state), ..JobFilter::default() };
        let of_it = |n: &u32| op(*n) == "publish" && ok != n.is_multiple_of(3);
        let expected: Vec<_> = (1..=MANY).rev().filter(of_it).map(job).collect();
        let mut listed = Vec::new();
        loop {
            let page = ids(&store, JobFilter { before: listed.last().cloned(), ..filter.clone() }, 7);
            assert!(page.len() <= 7);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, expected, "{state:?}");
    }
    let declined = JobFilter { declined: true, ..JobFilter::default() };
    assert_eq!(ids(&store, declined.clone(), 10), [job(31), job(30)]);
    put(&store, intent(op(30), 30, MANY + 1, 1)).unwrap();
    put(&store, outcome(MANY + 1, true, 1)).unwrap();
    assert_eq!(ids(&store, declined.clone(), 10), [job(31)], "what was made again is not to be any more");
    let built = JobFilter { op: Some(op(30).to_owned()), ..declined };
    assert_eq!(ids(&store, built, 10).len(), 0);
}

#[test]
fn by_how_its_id_begins_to_the_letter() {
    let dir = quick_dir();
    let store = filled(dir.path(), (1..=20).map(|_| ("build", 0, true)));
    let begins =
        |with: &str| ids(&store, JobFilter { id: Some(with.to_owned()), ..JobFilter::default() }, 100);
    assert_eq!(begins("2026-11-20/00002"), [job(20)]);
    assert_eq!(begins("2026-11-20/00001"), (10..20).rev().map(job).collect::<Vec<_>>());
    assert_eq!(begins(job(7).as_str()), [job(7)]);
    assert_eq!(begins("2026-1").len(), 20);
    for nothing in ["2026-11-20/*", "2026-11-2?", "%", "2026-11-21", "\u{80}", "j", "2026-11-20/00001\0"] {
        assert_eq!(begins(nothing).len(), 0, "{nothing:?}");
    }
    let both = JobFilter {
        op: Some("build".to_owned()),
        key: Some(key(0)),
        id: Some("2026-11-20/00001".to_owned()),
        before: Some(job(12)),
        ..JobFilter::default()
    };
    assert_eq!(ids(&store, both, 100), [job(11), job(10)]);
    let after =
        JobFilter { id: Some("2026-11-20/00000".to_owned()), before: Some(job(15)), ..JobFilter::default() };
    assert_eq!(ids(&store, after, 1), [job(9)], "a page that ends before all of them begins with the newest");
}

#[test]
fn an_operation_is_known_from_its_first_job_on() {
    let dir = quick_dir();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.ops(), [""; 0]);
    put(&store, intent("publish", 0, 1, 1)).unwrap();
    assert_eq!(store.ops(), ["publish"]);
    for (n, op) in [(2, "build"), (3, "build-image"), (4, "build")] {
        put(&store, intent(op, n, n, 1)).unwrap();
    }
    assert_eq!(store.ops(), ["build", "build-image", "publish"]);
    store.close();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.ops(), ["build", "build-image", "publish"]);
}
