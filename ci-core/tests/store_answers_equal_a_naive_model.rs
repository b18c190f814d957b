//! Whatever is appended in whatever order, the store answers as a list of records would that is searched from the
//! start for every question: at once, after a restart, after a crash, without its index, and while it is compacted.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use ci_core::store::record::{Approved, Intent, Outcome, Record};
use ci_core::store::{
    FailedRenewal, Invalidation, JobRecord, JobState, OpenIntent, Store, StoreError, StoredResult,
};
use ci_core::{Failure, FailureKind, JobId, KeyDigest};
use proptest::prelude::*;
use store_support::*;

/// How a key stands.
#[derive(Default)]
struct Standing {
    result: Option<JobId>,
    renewal: Option<JobId>,
    declined: Option<Invalidation>,
}

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

    /// What becomes of a key, record by record.
    fn stands(&self, op: &str, key: &KeyDigest) -> Standing {
        let mut now = Standing::default();
        for record in &self.records {
            match record {
                Record::Outcome(outcome) => {
                    let Some((_, intent)) = self.intent(&outcome.job) else { continue };
                    if intent.op != op || intent.key != *key {
                        continue;
                    }
                    let renews = intent.renews.is_some() && intent.renews == now.result;
                    let stays = now.declined.as_ref().is_none_or(|declined| declined.serves);
                    match &outcome.result {
                        Err(failure) if renews && stays && failure.kind == FailureKind::Superseded => {}
                        Err(_) if renews && stays => {
                            (now.renewal, now.declined) = (Some(outcome.job.clone()), None);
                        }
                        _ => now = Standing { result: Some(outcome.job.clone()), ..Standing::default() },
                    }
                }
                Record::Invalidated(i)
                    if i.op == op
                        && i.key == *key
                        && now.result.is_some()
                        && (!i.serves || now.declined.as_ref().is_none_or(|older| older.serves)) =>
                {
                    now.declined =
                        Some(Invalidation { why: i.why.clone(), at_ms: i.at_ms, serves: i.serves });
                }
                _ => {}
            }
        }
        now
    }

    fn result(&self, op: &str, key: &KeyDigest) -> Option<StoredResult> {
        let Standing { result, renewal, declined } = self.stands(op, key);
        let end = |job: &JobId| self.end(job).unwrap().1;
        let result = result?;
        let renewal = renewal.map(|job| {
            let Outcome { finished_at_ms: at_ms, result, .. } = end(&job);
            FailedRenewal { job, at_ms, failure: result.unwrap_err() }
        });
        let intent = self.intent(&result)?.1.clone();
        Some(StoredResult { intent, outcome: end(&result), renewal, invalidated: declined })
    }

    /// All jobs but those that ended long ago and that no key names.
    fn kept(&self, jobs_max: usize) -> Vec<&Intent> {
        let standings: Vec<_> = each_key().map(|(op, of)| self.stands(op, &key(of))).collect();
        let is_named = |job: &JobId| {
            standings.iter().any(|now| [&now.result, &now.renewal].contains(&&Some(job.clone())))
        };
        let ends: Vec<_> = self
            .intents()
            .map(|(_, intent)| {
                let end = self.end(&intent.job).filter(|_| !is_named(&intent.job)).map(|(at, _)| at);
                (intent, end)
            })
            .collect();
        let is_kept = |end: &Option<usize>| {
            end.is_none_or(|end| ends.iter().filter(|(_, other)| *other > Some(end)).count() < jobs_max)
        };
        ends.iter().filter(|(_, end)| is_kept(end)).map(|(intent, _)| *intent).collect()
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
        let mut jobs: Vec<JobRecord> = self.kept(jobs_max).into_iter().map(|i| self.record(i)).collect();
        jobs.sort_by(|a, b| b.intent.job.cmp(&a.intent.job));
        let of_state = |state| jobs.iter().filter(|job| job.state() == state).cloned().collect::<Vec<_>>();
        let open = |job: &JobRecord| OpenIntent { intent: job.intent.clone(), handle: job.handle.clone() };
        let open_of = |op: &str, of: u32| {
            let of_key = |job: &&JobRecord| job.intent.op == op && job.intent.key == key(of);
            of_state(JobState::Open).iter().find(of_key).map(open)
        };
        let of_key = |op: &str, of: u32| {
            let is_of_key = |job: &&JobRecord| job.intent.op == op && job.intent.key == key(of);
            jobs.iter().filter(is_of_key).cloned().collect()
        };
        let is_declined = |job: &&JobRecord| {
            let now = self.stands(&job.intent.op, &job.intent.key);
            now.declined.is_some() && now.result.as_ref() == Some(&job.intent.job)
        };
        let tenth = job(10);
        let mut ops: Vec<String> = jobs.iter().map(|job| job.intent.op.clone()).collect();
        ops.sort();
        ops.dedup();
        Answers {
            declined: jobs.iter().filter(is_declined).cloned().collect(),
            histories: each_key().map(|(op, of)| of_key(op, of)).collect(),
            first: jobs.iter().skip(1).filter(|job| job.intent.job < tenth).cloned().collect(),
            ops,
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
        renews: bool,
    },
    Handle {
        back: u32,
        text: u8,
    },
    Outcome {
        back: u32,
        failed: Option<FailureKind>,
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
        serves: bool,
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
    let failed = prop_oneof![
        3 => Just(None),
        2 => Just(Some(FailureKind::Permanent)),
        1 => Just(Some(FailureKind::Superseded)),
    ];
    prop_oneof![
        6 => (op.clone(), of.clone(), prop::bool::weighted(0.05), any::<bool>())
            .prop_map(|(op, key, again, renews)| Step::Intent { op, key, again, renews }),
        2 => (0..4u32, any::<u8>()).prop_map(|(back, text)| Step::Handle { back, text }),
        6 => (0..4u32, failed, prop_oneof![9 => Just(0i8), 1 => Just(-1), 1 => Just(1)])
            .prop_map(|(back, failed, epoch_off)| Step::Outcome { back, failed, epoch_off }),
        1 => (op.clone(), of.clone(), of.clone())
            .prop_map(|(op, key, desired)| Step::Approve { op, key, desired }),
        1 => (op, of, any::<u8>(), any::<bool>())
            .prop_map(|(op, key, why, serves)| Step::Invalidate { op, key, why, serves }),
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
            Step::Intent { op, key: of, again, renews } => {
                self.jobs += u32::from(!again || self.jobs == 0);
                let renews = self.model.stands(OPS[op], &key(of)).result.filter(|_| renews);
                self.append(renewal(OPS[op], of, self.jobs, renews, epoch));
            }
            Step::Handle { back, text } => {
                self.append(handle(self.jobs.saturating_sub(back), &text.to_string()));
            }
            Step::Outcome { back, failed, epoch_off } => {
                let epoch = epoch.saturating_add_signed(epoch_off.into());
                self.append(ended(self.jobs.saturating_sub(back), failed, epoch));
            }
            Step::Approve { op, key, desired } => self.append(approved(OPS[op], key, desired)),
            Step::Invalidate { op, key, why, serves } => {
                self.append(declined(OPS[op], key, &why.to_string(), serves));
            }
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
