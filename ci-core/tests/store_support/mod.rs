//! What the tests of the store share: records to write, and all that a store can be asked.
#![allow(dead_code, unreachable_pub, reason = "every test file takes what it needs")]

use std::path::Path;

use ci_core::store::record::{Approved, Handle, Intent, Invalidated, Outcome, Record};
use ci_core::store::{
    JobFilter, JobRecord, JobState, OpenError, OpenIntent, Options, Store, StoreError, StoredResult,
};
use ci_core::{Failure, FailureKind, JobId, KeyDigest};
use serde_json::json;

pub mod disks;
pub mod writer;

/// Operations, keys and values are numbered from 0 up to this.
pub const KEYS: u32 = 4;
pub const OPS: [&str; 2] = ["build", "publish"];

pub fn key(n: u32) -> KeyDigest {
    KeyDigest::of(&json!(n))
}

pub fn job(n: u32) -> JobId {
    format!("2026-11-20/{n:06}-build-{n:06x}").parse().unwrap()
}

pub fn intent(op: &str, of: u32, n: u32, epoch: u64) -> Record {
    renewal(op, of, n, None, epoch)
}

/// An attempt that is to renew what that job made.
pub fn renewal(op: &str, of: u32, n: u32, renews: Option<JobId>, epoch: u64) -> Record {
    Record::Intent(Intent {
        job: job(n),
        op: op.to_owned(),
        key: key(of),
        key_fields: json!({ "n": of, "ratio": 0.1 + f64::from(n) }),
        desired: json!([n]),
        summary: format!("{op} {of}, for the {n}th time \u{1f980}"),
        attempt: 1,
        build: 0,
        renews,
        epoch,
        queued_at_ms: 1000 + u64::from(n),
        started_at_ms: 2000 + u64::from(n),
    })
}

pub fn handle(n: u32, text: &str) -> Record {
    Record::Handle(Handle { job: job(n), handle: json!({ "container": text }) })
}

pub fn outcome(n: u32, ok: bool, epoch: u64) -> Record {
    ended(n, if ok { None } else { Some(FailureKind::Permanent) }, epoch)
}

/// A job that ended with a value, or failed in this way.
pub fn ended(n: u32, failed: Option<FailureKind>, epoch: u64) -> Record {
    let failure = failed.map(|kind| Failure {
        kind,
        message: format!("step {n} failed"),
        hint: Some("look at the log".to_owned()),
    });
    let result = failure.map_or(Ok(json!({ "value": n })), Err);
    Record::Outcome(Outcome { job: job(n), epoch, finished_at_ms: 3000 + u64::from(n), result })
}

pub fn approved(op: &str, of: u32, desired: u32) -> Record {
    Record::Approved(Approved {
        op: op.to_owned(),
        key: key(of),
        desired: key(desired),
        by: "ada".to_owned(),
        at_ms: 5,
    })
}

pub fn invalidated(op: &str, of: u32, why: &str) -> Record {
    declined(op, of, why, false)
}

/// What is declined may serve until there is another.
pub fn declined(op: &str, of: u32, why: &str, serves: bool) -> Record {
    let why = why.to_owned();
    Record::Invalidated(Invalidated { op: op.to_owned(), key: key(of), why, serves, at_ms: 6 })
}

/// Appends and waits.
pub fn put(store: &Store, record: Record) -> Result<u64, StoreError> {
    store.append(record).wait()
}

/// All that can be asked about the operations, keys and values above.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Answers {
    pub results: Vec<Option<StoredResult>>,
    pub open: Vec<Option<OpenIntent>>,
    pub open_intents: Vec<OpenIntent>,
    pub approved: Vec<bool>,
    pub jobs: Vec<JobRecord>,
    pub failed: Vec<JobRecord>,
    pub ok: Vec<JobRecord>,
    pub builds: Vec<JobRecord>,
    pub declined: Vec<JobRecord>,
    /// By key.
    pub histories: Vec<Vec<JobRecord>>,
    /// Those whose number begins with 1, before the newest of all.
    pub first: Vec<JobRecord>,
    pub ops: Vec<String>,
}

pub fn each_key() -> impl Iterator<Item = (&'static str, u32)> {
    OPS.into_iter().flat_map(|op| (0..KEYS).map(move |of| (op, of)))
}

pub fn answers(store: &Store) -> Answers {
    let jobs = |filter: JobFilter| store.jobs(&filter, usize::MAX);
    let of_state = |state| jobs(JobFilter { state: Some(state), ..JobFilter::default() });
    let all = jobs(JobFilter::default());
    for listed in &all {
        assert_eq!(store.job(&listed.intent.job).as_ref(), Some(listed));
    }
    assert_eq!(store.jobs(&JobFilter::default(), 1), all.get(..1).unwrap_or_default());
    let open: Vec<_> = of_state(JobState::Open).into_iter().rev().map(|job| job.intent).collect();
    let open_intents = store.open_intents();
    assert_eq!(open, open_intents.iter().map(|open| open.intent.clone()).collect::<Vec<_>>());
    Answers {
        results: each_key().map(|(op, of)| store.result(op, &key(of))).collect(),
        open: each_key().map(|(op, of)| store.open_intent(op, &key(of))).collect(),
        open_intents,
        approved: each_key()
            .flat_map(|(op, of)| (0..KEYS).map(move |value| store.is_approved(op, &key(of), &key(value))))
            .collect(),
        failed: of_state(JobState::Failed),
        ok: of_state(JobState::Ok),
        builds: jobs(JobFilter {
            op: Some("build".to_owned()),
            before: all.first().map(|newest| newest.intent.job.clone()),
            ..JobFilter::default()
        }),
        declined: jobs(JobFilter { declined: true, ..JobFilter::default() }),
        histories: each_key()
            .map(|(op, of)| {
                let of_key =
                    JobFilter { op: Some(op.to_owned()), key: Some(key(of)), ..JobFilter::default() };
                let failed = JobFilter { state: Some(JobState::Failed), ..of_key.clone() };
                let history = jobs(of_key);
                let expected: Vec<_> =
                    history.iter().filter(|job| job.state() == JobState::Failed).cloned().collect();
                assert_eq!(jobs(failed), expected);
                history
            })
            .collect(),
        first: jobs(JobFilter {
            id: Some("2026-11-20/00000".to_owned()),
            before: all.first().map(|newest| newest.intent.job.clone()),
            ..JobFilter::default()
        }),
        ops: store.ops(),
        jobs: all,
    }
}

/// Small enough that everything that is bounded is reached.
pub fn small() -> Options {
    Options { jobs_max: 3, approvals_max: 2, segment_bytes_max: 3000, ..Options::default() }
}

/// A folder where a sync costs nothing, for tests that open a store for every byte of a file.
pub fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Makes a closed store look like one whose process was killed.
pub fn forget_that_it_was_closed(dir: &Path) {
    std::fs::remove_file(dir.join("index.clean")).unwrap();
}

pub fn reopened(dir: &Path, options: Options) -> Result<(Store, Answers), OpenError> {
    let store = Store::open_with(dir, options)?;
    let answers = answers(&store);
    Ok((store, answers))
}
