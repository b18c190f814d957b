//! Whatever is appended in whatever order, the store answers as a list of records would that is searched from the
//! start for every question: at once, after a restart, after a crash, without its index, and while it is compacted.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use ci_core::store::record::{Approved, Intent, Outcome, Record};
use ci_core::store::{Invalidation, JobRecord, JobState, OpenIntent, Store, StoreError, StoredResult};
use ci_core::{Failure, FailureKind, JobId, KeyDigest};
use proptest::prelude::*;
use store_support::*;

/// All accepted records, and nothing else.
#[derive(Default)]
struct Model {
    epoch: u64,
    records: Vec<Record>,
}

impl Model {
    fn intents(&self) -> impl Iterator<Item = (usize, &Intent)> {
        self.records.iter().enumerate().filter_map(|(at, record)| match record {
            Record::Intent(intent) => Some((at, intent)),
            _ => None,
        })
    }

    fn outcomes(&self) -> impl Iterator<Item = (usize, &Outcome)> {
        self.records.iter().enumerate().filter_map(|(at, record)| match record {
            Record::Outcome(outcome) => Some((at, outcome)),
            _ => None,
        })
    }

    fn intent(&self, job: &JobId) -> Option<(usize, &Intent)> {
        self.intents().find(|(_, intent)| intent.job == *job)
    }

    /// When and how a job ended.
    fn end(&self, job: &JobId) -> Option<(usize, Outcome)> {
        let (start, intent) = self.intent(job)?;
        let outcome = self.outcomes().find(|(_, outcome)| outcome.job == *job);
        let next = self
            .intents()
            .find(|(at, other)| *at > start && (&other.op, other.key) == (&intent.op, intent.key));
        match (outcome, next) {
            (Some((at, outcome)), _) => Some((at, outcome.clone())),
            (None, None) => None,
            (None, Some((at, next))) => {
                let result = Err(Failure {
                    kind: FailureKind::Superseded,
                    message: format!("ended without an outcome: {} took its place", next.job),
                    hint: None,
                });
                let (epoch, finished_at_ms) = (next.epoch, next.started_at_ms);
                Some((at, Outcome { job: job.clone(), epoch, finished_at_ms, result }))
            }
        }
    }

    fn append(&mut self, record: &Record) -> bool {
        let accepted = match record {
            Record::Opened(_) => false,
            Record::Intent(intent) => intent.epoch == self.epoch && self.intent(&intent.job).is_none(),
            Record::Handle(handle) => self.is_open(&handle.job),
            Record::Outcome(outcome) => outcome.epoch == self.epoch && self.is_open(&outcome.job),
            Record::Approved(_) | Record::Invalidated(_) => true,
        };
        if accepted {
            self.records.push(record.clone());
        }
        accepted
    }

    fn is_open(&self, job: &JobId) -> bool {
        self.intent(job).is_some() && self.end(job).is_none()
    }

    fn newest_result(&self, op: &str, key: &KeyDigest) -> Option<(usize, &Outcome)> {
        let of =
            |outcome: &Outcome| self.intent(&outcome.job).is_some_and(|(_, i)| i.op == op && i.key == *key);
        self.outcomes().filter(|(_, outcome)| of(outcome)).last()
    }

    fn result(&self, op: &str, key: &KeyDigest) -> Option<StoredResult> {
        let (at, outcome) = self.newest_result(op, key)?;
        let intent = self.intent(&outcome.job)?.1.clone();
        let invalidated = self.records[at..].iter().rev().find_map(|record| match record {
            Record::Invalidated(i) if i.op == op && i.key == *key => {
                Some(Invalidation { why: i.why.clone(), at_ms: i.at_ms })
            }
            _ => None,
        });
        Some(StoredResult { intent, outcome: outcome.clone(), invalidated })
    }

    fn is_kept(&self, intent: &Intent, jobs_max: usize) -> bool {
        let ends = |intent: &Intent| {
            let newest = self.newest_result(&intent.op, &intent.key).map(|(_, outcome)| &outcome.job);
            if newest == Some(&intent.job) { None } else { self.end(&intent.job).map(|(at, _)| at) }
        };
        let Some(end) = ends(intent) else { return true };
        self.intents().filter_map(|(_, other)| ends(other)).filter(|other| *other > end).count() < jobs_max
    }

    fn record(&self, intent: &Intent) -> JobRecord {
        let handle = self.records.iter().rev().find_map(|record| match record {
            Record::Handle(handle) if handle.job == intent.job => Some(handle.handle.clone()),
            _ => None,
        });
        JobRecord {
            intent: intent.clone(),
            handle,
            outcome: self.end(&intent.job).map(|(_, outcome)| outcome),
        }
    }

    fn is_approved(&self, op: &str, key: &KeyDigest, desired: &KeyDigest, approvals_max: usize) -> bool {
        let mut newest: Vec<&Approved> = Vec::new();
        for record in self.records.iter().rev() {
            if let Record::Approved(a) = record
                && !newest.iter().any(|b| (&a.op, a.key, a.desired) == (&b.op, b.key, b.desired))
            {
                newest.push(a);
            }
        }
        newest.iter().take(approvals_max).any(|a| (a.op.as_str(), &a.key, &a.desired) == (op, key, desired))
    }

    fn answers(&self) -> Answers {
        let (jobs_max, approvals_max) = (small().jobs_max as usize, small().approvals_max as usize);
        let kept = self.intents().filter(|(_, intent)| self.is_kept(intent, jobs_max));
        let mut jobs: Vec<JobRecord> = kept.map(|(_, intent)| self.record(intent)).collect();
        jobs.sort_by(|a, b| b.intent.job.cmp(&a.intent.job));
        let of_state = |state| jobs.iter().filter(|job| job.state() == state).cloned().collect::<Vec<_>>();
        let open = |job: &JobRecord| OpenIntent { intent: job.intent.clone(), handle: job.handle.clone() };
        let open_of = |op: &str, of: u32| {
            let of_key = |job: &&JobRecord| job.intent.op == op && job.intent.key == key(of);
            of_state(JobState::Open).iter().find(of_key).map(open)
        };
        Answers {
            results: each_key().map(|(op, of)| self.result(op, &key(of))).collect(),
            open: each_key().map(|(op, of)| open_of(op, of)).collect(),
            open_intents: of_state(JobState::Open).iter().rev().map(open).collect(),
            approved: each_key()
                .flat_map(|(op, of)| (0..KEYS).map(move |value| (op, of, value)))
                .map(|(op, of, value)| self.is_approved(op, &key(of), &key(value), approvals_max))
                .collect(),
            failed: of_state(JobState::Failed),
            ok: of_state(JobState::Ok),
            builds: jobs.iter().skip(1).filter(|job| job.intent.op == "build").cloned().collect(),
            second: jobs.iter().filter(|job| job.intent.summary.contains("the 2th")).cloned().collect(),
            jobs,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Intent {
        op: usize,
        key: u32,
        again: bool,
    },
    Handle {
        back: u32,
        text: u8,
    },
    Outcome {
        back: u32,
        ok: bool,
        epoch_off: i8,
    },
    Approve {
        op: usize,
        key: u32,
        desired: u32,
    },
    Invalidate {
        op: usize,
        key: u32,
        why: u8,
    },
    /// Waits for all before.
    Settle,
    Restart,
    Crash,
    LoseIndex,
    Compacted,
}

fn step() -> impl Strategy<Value = Step> {
    let (op, of) = (0..OPS.len(), 0..KEYS);
    prop_oneof![
        6 => (op.clone(), of.clone(), prop::bool::weighted(0.05))
            .prop_map(|(op, key, again)| Step::Intent { op, key, again }),
        2 => (0..4u32, any::<u8>()).prop_map(|(back, text)| Step::Handle { back, text }),
        6 => (0..4u32, any::<bool>(), prop_oneof![9 => Just(0i8), 1 => Just(-1), 1 => Just(1)])
            .prop_map(|(back, ok, epoch_off)| Step::Outcome { back, ok, epoch_off }),
        1 => (op.clone(), of.clone(), of.clone())
            .prop_map(|(op, key, desired)| Step::Approve { op, key, desired }),
        1 => (op, of, any::<u8>()).prop_map(|(op, key, why)| Step::Invalidate { op, key, why }),
        3 => Just(Step::Settle),
        1 => prop_oneof![Just(Step::Restart), Just(Step::Crash), Just(Step::LoseIndex), Just(Step::Compacted)],
    ]
}

struct Driver {
    dir: tempfile::TempDir,
    store: Store,
    model: Model,
    jobs: u32,
    waiting: Vec<(ci_core::store::Append, bool)>,
}

impl Driver {
    fn start() -> Self {
        let dir = quick_dir();
        let store = Store::open_with(dir.path(), small()).unwrap();
        let model = Model { epoch: store.epoch(), records: Vec::new() };
        Self { dir, store, model, jobs: 0, waiting: Vec::new() }
    }

    fn append(&mut self, record: Record) {
        let accepted = self.model.append(&record);
        self.waiting.push((self.store.append(record), accepted));
    }

    fn settle(&mut self) {
        let mut last = 0;
        for (append, accepted) in self.waiting.drain(..) {
            match append.wait() {
                Ok(number) => {
                    assert!(accepted, "record {number} should have been refused");
                    assert!(number > last, "numbers grow in the order of the calls");
                    last = number;
                }
                Err(StoreError::Refused(why)) => assert!(!accepted, "refused: {why}"),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(answers(&self.store), self.model.answers());
    }

    fn again(&mut self, options: ci_core::store::Options, before: impl FnOnce(&std::path::Path)) {
        self.settle();
        self.store.close();
        before(self.dir.path());
        self.store = Store::open_with(self.dir.path(), options).unwrap();
        assert_eq!(self.store.damage(), []);
        assert_eq!(self.store.epoch(), self.model.epoch + 1);
        self.model.epoch += 1;
        assert_eq!(answers(&self.store), self.model.answers());
    }

    fn take(&mut self, step: Step) {
        let epoch = self.model.epoch;
        match step {
            Step::Intent { op, key, again } => {
                self.jobs += u32::from(!again || self.jobs == 0);
                self.append(intent(OPS[op], key, self.jobs, epoch));
            }
            Step::Handle { back, text } => {
                self.append(handle(self.jobs.saturating_sub(back), &text.to_string()));
            }
            Step::Outcome { back, ok, epoch_off } => {
                let epoch = epoch.saturating_add_signed(epoch_off.into());
                self.append(outcome(self.jobs.saturating_sub(back), ok, epoch));
            }
            Step::Approve { op, key, desired } => self.append(approved(OPS[op], key, desired)),
            Step::Invalidate { op, key, why } => self.append(invalidated(OPS[op], key, &why.to_string())),
            Step::Settle => self.settle(),
            Step::Restart => self.again(small(), |_| ()),
            Step::Crash => self.again(small(), forget_that_it_was_closed),
            Step::LoseIndex => {
                self.again(small(), |dir| std::fs::remove_dir_all(dir.join("index")).unwrap());
            }
            Step::Compacted => {
                let always = ci_core::store::Options { segment_bytes_max: 0, ..small() };
                self.again(always, |_| ());
                self.append(approved(OPS[0], 0, 0));
                self.again(small(), forget_that_it_was_closed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn store_answers_equal_a_naive_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut driver = Driver::start();
        for step in steps {
            driver.take(step);
        }
        driver.take(Step::Restart);
        driver.take(Step::Crash);
    }
}
