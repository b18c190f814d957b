//! What a record means: which rows it changes. The one place that says so, for records just written, for replaying
//! the journal into an empty index, and for finding out which records still matter.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::fence::{self, Attempt, Refusal};
use super::record::{Handle, Intent, Invalidated, Outcome, Record};
use super::rows::{
    self, ApprovalRow, Changes, Declined, IndexError, JobRow, KeyRow, Memory, Meta, Rows, Said,
};
use crate::error::{Failure, FailureKind};
use crate::ids::JobId;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Finished jobs that are not the newest result of their key.
    pub(super) jobs_max: u64,
    pub(super) approvals_max: u64,
}

/// Why a record was not applied.
#[derive(Debug)]
pub(super) enum NotApplied {
    Refused(Refusal),
    Index(IndexError),
}

impl From<Refusal> for NotApplied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<IndexError> for NotApplied {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

/// Records applied over `base`, which stays as it is: the changes are taken out and committed by the caller.
pub(super) struct Fold<'a> {
    base: &'a dyn Rows,
    changes: HashMap<Vec<u8>, Change>,
    /// Of these the oldest is looked for.
    old: Changes,
    pub(super) meta: Meta,
    kept: Kept,
}

/// What becomes of a row. What is changed again and again is written once.
enum Change {
    Gone,
    /// Its key says all.
    Listed,
    Job(Box<JobRow>),
    Key(Box<KeyRow>),
    Approval(Box<ApprovalRow>),
}

impl Change {
    fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Gone => None,
            Self::Listed => Some(Vec::new()),
            Self::Job(row) => Some(rows::encode(&row)),
            Self::Key(row) => Some(rows::encode(&row)),
            Self::Approval(row) => Some(rows::encode(&row)),
        }
    }
}

/// What a row of that kind is among the changes.
trait Changed: Clone + Serialize + DeserializeOwned {
    fn change(self) -> Change;
    fn of(change: &Change) -> Option<&Self>;
}

impl Changed for JobRow {
    fn change(self) -> Change {
        Change::Job(Box::new(self))
    }

    fn of(change: &Change) -> Option<&Self> {
        if let Change::Job(row) = change { Some(row) } else { None }
    }
}

impl Changed for KeyRow {
    fn change(self) -> Change {
        Change::Key(Box::new(self))
    }

    fn of(change: &Change) -> Option<&Self> {
        if let Change::Key(row) = change { Some(row) } else { None }
    }
}

impl Changed for ApprovalRow {
    fn change(self) -> Change {
        Change::Approval(Box::new(self))
    }

    fn of(change: &Change) -> Option<&Self> {
        if let Change::Approval(row) = change { Some(row) } else { None }
    }
}

impl<'a> Fold<'a> {
    pub(super) fn over(base: &'a dyn Rows, kept: Kept) -> Result<Self, IndexError> {
        let meta = rows::read(base, rows::META)?.unwrap_or_default();
        Ok(Self { base, changes: HashMap::new(), old: Changes::new(), meta, kept })
    }

    /// Room for what so many records change, usually.
    pub(super) fn expect(&mut self, records: usize) {
        self.changes.reserve(3 * records);
    }

    /// What the records applied so far change.
    pub(super) fn into_changes(self) -> Changes {
        let rows = self.changes.into_iter().map(|(key, change)| (key, change.bytes()));
        rows.chain(self.old).chain([(rows::META.to_vec(), Some(rows::encode(&self.meta)))]).collect()
    }

    /// Applies one record, or leaves everything as it is. `sequence` grows from call to call.
    pub(super) fn apply(&mut self, sequence: u64, record: Record) -> Result<(), NotApplied> {
        match record {
            Record::Opened(opened) => {
                fence::opened(self.meta.epoch, &opened)?;
                self.meta.epoch = opened.epoch;
                self.meta.opened = sequence;
            }
            Record::Intent(intent) => self.intent(sequence, intent)?,
            Record::Handle(handle) => self.handle(sequence, handle)?,
            Record::Outcome(outcome) => self.outcome(sequence, outcome)?,
            Record::Approved(approved) => {
                fence::op(&approved.op)?;
                let key = rows::approval(&approved.op, &approved.key, &approved.desired);
                let row = ApprovalRow { sequence, by: approved.by, at_ms: approved.at_ms };
                match self.read::<ApprovalRow>(&key)? {
                    Some(older) => {
                        self.old.insert(rows::numbered(rows::OLD_APPROVALS, older.sequence), None);
                    }
                    None => self.meta.approvals += 1,
                }
                self.put(key.clone(), row);
                self.old.insert(rows::numbered(rows::OLD_APPROVALS, sequence), Some(key));
                self.drop_old_approvals()?;
            }
            Record::Invalidated(invalidated) => {
                fence::op(&invalidated.op)?;
                let key = rows::key(&invalidated.op, &invalidated.key);
                let mut row: KeyRow = self.read(&key)?.unwrap_or_default();
                // What must not serve any more does not serve again because somebody else would let it.
                let is_final = row.declined.as_ref().is_some_and(|said| !said.what.serves);
                if let Some(result) = row.result.as_ref().filter(|_| !is_final || !invalidated.serves) {
                    self.list(rows::DECLINED, result);
                    let Invalidated { why, at_ms, serves, .. } = invalidated;
                    row.declined = Some(Said { by: sequence, what: Declined { why, at_ms, serves } });
                    self.put(key, row);
                }
            }
        }
        self.meta.applied = sequence;
        Ok(())
    }

    fn intent(&mut self, sequence: u64, intent: Intent) -> Result<(), NotApplied> {
        let (attempt, _) = self.attempt(&intent.job)?;
        fence::intent(self.meta.epoch, &intent, attempt)?;
        let key = rows::key(&intent.op, &intent.key);
        let mut key_row: KeyRow = self.read(&key)?.unwrap_or_default();
        if let Some(older) = key_row.open.replace(intent.job.clone()) {
            self.take_the_place_of(&older, sequence, &intent)?;
        }
        self.meta.epoch = intent.epoch;
        self.put(key, key_row);
        self.list(&rows::of_op(&intent.op), &intent.job);
        self.list(&rows::of_key(&intent.op, &intent.key), &intent.job);
        self.list(rows::OPEN, &intent.job);
        let key = rows::job(&intent.job);
        let intent = Said { by: sequence, what: intent };
        self.put(key, JobRow { intent, handle: None, outcome: None, declined_by: None });
        self.drop_old_jobs()?;
        Ok(())
    }

    /// The open attempt `job` ends as superseded. It is not what its key's result is.
    fn take_the_place_of(&mut self, job: &JobId, sequence: u64, by: &Intent) -> Result<(), IndexError> {
        let Some(row) = self.read::<JobRow>(&rows::job(job))? else {
            return Err(IndexError(format!("job {job} is open but not there")));
        };
        let failure = Failure {
            kind: FailureKind::Superseded,
            message: format!("ended without an outcome: {} took its place", by.job),
            hint: None,
        };
        let outcome = Outcome {
            job: job.clone(),
            epoch: by.epoch,
            finished_at_ms: by.started_at_ms,
            result: Err(failure),
        };
        self.finish(row, sequence, outcome);
        self.make_droppable(job, sequence);
        Ok(())
    }

    fn handle(&mut self, sequence: u64, handle: Handle) -> Result<(), NotApplied> {
        let (attempt, row) = self.attempt(&handle.job)?;
        fence::handle(&handle.job, attempt)?;
        if let Some(mut row) = row {
            row.handle = Some(Said { by: sequence, what: handle.handle });
            self.put(rows::job(&handle.job), row);
        }
        Ok(())
    }

    fn outcome(&mut self, sequence: u64, outcome: Outcome) -> Result<(), NotApplied> {
        let (attempt, row) = self.attempt(&outcome.job)?;
        fence::outcome(self.meta.epoch, &outcome, attempt)?;
        let Some(mut row) = row else {
            return Err(Refusal::UnknownJob(outcome.job.clone()).into());
        };
        let intent = &row.intent.what;
        let key = rows::key(&intent.op, &intent.key);
        let mut key_row: KeyRow = self.read(&key)?.unwrap_or_default();
        key_row.open = None;
        let renews = intent.renews.is_some() && intent.renews == key_row.result;
        match &outcome.result {
            Err(failure) if renews && key_row.declined.as_ref().is_none_or(|said| said.what.serves) => {
                // What came to nothing, since nobody wanted it, says nothing of the value.
                if failure.kind == FailureKind::Superseded {
                    self.make_droppable(&outcome.job, sequence);
                } else {
                    self.unlist_declined(&mut key_row);
                    let older = key_row.renewal.replace(outcome.job.clone());
                    self.let_go_of(older)?;
                }
            }
            _ => {
                row.declined_by = key_row.declined.as_ref().filter(|_| renews).map(|said| said.by);
                self.unlist_declined(&mut key_row);
                self.let_go_of(key_row.result.replace(outcome.job.clone()))?;
                self.let_go_of(key_row.renewal.take())?;
            }
        }
        self.put(key, key_row);
        self.meta.epoch = outcome.epoch;
        self.finish(row, sequence, outcome);
        self.drop_old_jobs()?;
        Ok(())
    }

    fn finish(&mut self, mut row: JobRow, sequence: u64, outcome: Outcome) {
        let id = outcome.job.clone();
        self.remove(rows::listed(rows::OPEN, &id));
        if outcome.result.is_err() {
            self.list(rows::FAILED, &id);
        }
        row.outcome = Some(Said { by: sequence, what: outcome });
        self.put(rows::job(&id), row);
    }

    /// Its result counts again, or another does.
    fn unlist_declined(&mut self, row: &mut KeyRow) {
        if let (Some(_), Some(result)) = (row.declined.take(), &row.result) {
            self.remove(rows::listed(rows::DECLINED, result));
        }
    }

    /// No key names this finished job any more.
    fn let_go_of(&mut self, job: Option<JobId>) -> Result<(), IndexError> {
        let Some(job) = job else { return Ok(()) };
        if let Some(ended) = self.read::<JobRow>(&rows::job(&job))?.and_then(|row| row.outcome) {
            self.make_droppable(&job, ended.by);
        }
        Ok(())
    }

    /// Jobs are dropped in the order in which they ended. So one that took another's place never goes before it,
    /// and what is left, replayed, says the same.
    fn make_droppable(&mut self, job: &JobId, ended: u64) {
        self.old.insert(rows::numbered(rows::OLD_JOBS, ended), Some(rows::job(job)));
        self.meta.finished += 1;
    }

    fn drop_old_jobs(&mut self) -> Result<(), IndexError> {
        while self.meta.finished > self.kept.jobs_max {
            let Some(key) = self.take_oldest(rows::OLD_JOBS)? else { break };
            self.meta.finished -= 1;
            if let Some(row) = self.read::<JobRow>(&key)? {
                let Intent { job, op, key: of, .. } = &row.intent.what;
                self.remove(rows::listed(&rows::of_op(op), job));
                self.remove(rows::listed(&rows::of_key(op, of), job));
                self.remove(rows::listed(rows::FAILED, job));
                self.remove(key);
            }
        }
        Ok(())
    }

    fn drop_old_approvals(&mut self) -> Result<(), IndexError> {
        while self.meta.approvals > self.kept.approvals_max {
            let Some(key) = self.take_oldest(rows::OLD_APPROVALS)? else { break };
            self.meta.approvals -= 1;
            self.remove(key);
        }
        Ok(())
    }

    /// The oldest of the rows that are dropped first, which it takes out.
    fn take_oldest(&mut self, prefix: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        let mut before = self.base.at_or_after(prefix, prefix)?;
        while let Some((key, _)) = before.take_if(|(key, _)| self.old.contains_key(key)) {
            before = self.base.at_or_after(prefix, &[&key[..], b"\0"].concat())?;
        }
        let new = self
            .old
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .find_map(|(key, row)| Some((key.clone(), row.clone()?)));
        let Some((key, row)) = before.into_iter().chain(new).min() else { return Ok(None) };
        self.old.insert(key, None);
        Ok(Some(row))
    }

    fn attempt(&self, job: &JobId) -> Result<(Attempt, Option<JobRow>), IndexError> {
        let row: Option<JobRow> = self.read(&rows::job(job))?;
        let attempt = match &row {
            None => Attempt::Unknown,
            Some(row) if row.outcome.is_none() => Attempt::Open,
            Some(_) => Attempt::Over,
        };
        Ok((attempt, row))
    }

    fn read<T: Changed>(&self, key: &[u8]) -> Result<Option<T>, IndexError> {
        match self.changes.get(key) {
            Some(change) => Ok(T::of(change).cloned()),
            None => rows::read(self.base, key),
        }
    }

    fn put(&mut self, key: Vec<u8>, row: impl Changed) {
        self.changes.insert(key, row.change());
    }

    fn list(&mut self, prefix: &[u8], job: &JobId) {
        self.changes.insert(rows::listed(prefix, job), Change::Listed);
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, Change::Gone);
    }
}

/// The record without what only its reader cares for: enough to know which records matter, in less memory.
pub(super) fn bare(mut record: Record) -> Record {
    match &mut record {
        Record::Intent(intent) => {
            (intent.key_fields, intent.desired, intent.summary) = (Json::Null, Json::Null, String::new());
        }
        Record::Handle(handle) => handle.handle = Json::Null,
        Record::Outcome(Outcome { result: Ok(value), .. }) => *value = Json::Null,
        Record::Outcome(Outcome { result: Err(failure), .. }) => {
            (failure.message, failure.hint) = (String::new(), None);
        }
        Record::Invalidated(invalidated) => invalidated.why = String::new(),
        Record::Opened(_) | Record::Approved(_) => {}
    }
    record
}

/// The sequence numbers of the records that the rows still speak of. These alone, replayed in order, give the same
/// rows again: no record before them that is not among them changes what they mean.
pub(super) fn alive(memory: &Memory) -> Result<BTreeSet<u64>, IndexError> {
    let mut alive = BTreeSet::new();
    for (key, value) in memory {
        if key.starts_with(rows::JOBS) {
            let row: JobRow = rows::decode(key, value)?;
            alive.insert(row.intent.by);
            alive.extend(row.handle.map(|said| said.by));
            alive.extend(row.outcome.map(|said| said.by));
            alive.extend(row.declined_by);
        } else if key.starts_with(rows::KEYS) {
            alive.extend(rows::decode::<KeyRow>(key, value)?.declined.map(|said| said.by));
        } else if key.starts_with(rows::APPROVALS) {
            alive.insert(rows::decode::<ApprovalRow>(key, value)?.sequence);
        } else if key == rows::META {
            alive.insert(rows::decode::<Meta>(key, value)?.opened);
        }
    }
    alive.remove(&0); // nothing was opened yet
    Ok(alive)
}
