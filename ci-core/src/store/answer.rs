//! What the store can be asked, and how the rows answer.

use serde_json::Value as Json;

use super::record::{Intent, Outcome};
use super::rows::{self, ApprovalRow, IndexError, JobRow, KeyRow, Rows, Said};
use crate::error::FailureKind;
use crate::ids::{JobId, KeyDigest};

/// The newest finished attempt at a key.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResult {
    /// What was to be done.
    pub intent: Intent,
    /// How it ended.
    pub outcome: Outcome,
    /// Set when the result must not be used again.
    pub invalidated: Option<Invalidation>,
}

/// See [`StoredResult::invalidated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalidation {
    /// Why, for people.
    pub why: String,
    /// Unix milliseconds.
    pub at_ms: u64,
}

/// An attempt that was started and has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIntent {
    /// What was to be done.
    pub intent: Intent,
    /// Where it was last noted to be found on the outside.
    pub handle: Option<Json>,
}

/// All that is known of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// What was to be done.
    pub intent: Intent,
    /// Where it was last noted to be found on the outside.
    pub handle: Option<Json>,
    /// How it ended, if it did. An attempt whose place a newer one took ended as
    /// [`Superseded`](crate::FailureKind::Superseded).
    pub outcome: Option<Outcome>,
}

/// Which jobs to list; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those of this operation.
    pub op: Option<String>,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those whose summary holds this text, in whatever case.
    pub text: Option<String>,
    /// Only those older than this one: the last of the page before.
    pub before: Option<JobId>,
}

/// See [`JobFilter::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Without an outcome.
    Open,
    /// Ended with a value.
    Ok,
    /// Ended without one, for whatever reason.
    Failed,
}

impl From<JobRow> for JobRecord {
    fn from(row: JobRow) -> Self {
        Self {
            intent: row.intent.what,
            // A note of nothing takes back the one before.
            handle: row.handle.map(|said| said.what).filter(|note| !note.is_null()),
            outcome: row.outcome.map(|said| said.what),
        }
    }
}

impl JobRecord {
    /// Where it stands.
    pub fn state(&self) -> JobState {
        match &self.outcome {
            None => JobState::Open,
            Some(Outcome { result: Ok(_), .. }) => JobState::Ok,
            Some(Outcome { result: Err(_), .. }) => JobState::Failed,
        }
    }
}

pub(super) fn job(rows: &dyn Rows, id: &JobId) -> Result<Option<JobRecord>, IndexError> {
    Ok(rows::read::<JobRow>(rows, &rows::job(id))?.map(JobRecord::from))
}

/// A job that another row names.
fn named_job(rows: &dyn Rows, id: &JobId) -> Result<JobRecord, IndexError> {
    job(rows, id)?.ok_or_else(|| IndexError(format!("job {id} is named but not there")))
}

pub(super) fn result(rows: &dyn Rows, op: &str, key: &KeyDigest) -> Result<Option<StoredResult>, IndexError> {
    let Some(row) = rows::read::<KeyRow>(rows, &rows::key(op, key))? else { return Ok(None) };
    let Some(id) = row.result else { return Ok(None) };
    let JobRecord { intent, outcome: Some(outcome), .. } = named_job(rows, &id)? else {
        return Err(IndexError(format!("job {id} is a result without an outcome")));
    };
    let invalidated = row.invalidated.map(|said| Invalidation { why: said.what.0, at_ms: said.what.1 });
    Ok(Some(StoredResult { intent, outcome, invalidated }))
}

pub(super) fn open_intent(
    rows: &dyn Rows,
    op: &str,
    key: &KeyDigest,
) -> Result<Option<OpenIntent>, IndexError> {
    let open = rows::read::<KeyRow>(rows, &rows::key(op, key))?.and_then(|row| row.open);
    open.map(|id| named_job(rows, &id).map(|JobRecord { intent, handle, .. }| OpenIntent { intent, handle }))
        .transpose()
}

pub(super) fn open_intents(rows: &dyn Rows) -> Result<Vec<OpenIntent>, IndexError> {
    let mut open = Vec::new();
    let mut from = rows::OPEN.to_vec();
    while let Some((mut key, _)) = rows.at_or_after(rows::OPEN, &from)? {
        let JobRecord { intent, handle, .. } = named_job(rows, &rows::listed_job(rows::OPEN, &key)?)?;
        open.push(OpenIntent { intent, handle });
        key.push(0);
        from = key;
    }
    Ok(open)
}

pub(super) fn is_approved(
    rows: &dyn Rows,
    op: &str,
    key: &KeyDigest,
    desired: &KeyDigest,
) -> Result<bool, IndexError> {
    Ok(rows::read::<ApprovalRow>(rows, &rows::approval(op, key, desired))?.is_some())
}

pub(super) fn has_unused_approval(
    rows: &dyn Rows,
    op: &str,
    key: &KeyDigest,
    desired: &KeyDigest,
) -> Result<bool, IndexError> {
    let Some(approval) = rows::read::<ApprovalRow>(rows, &rows::approval(op, key, desired))? else {
        return Ok(false);
    };
    let Some(id) = rows::read::<KeyRow>(rows, &rows::key(op, key))?.and_then(|row| row.result) else {
        return Ok(true);
    };
    let Some(Said { by, what: outcome }) =
        rows::read::<JobRow>(rows, &rows::job(&id))?.and_then(|row| row.outcome)
    else {
        return Err(IndexError(format!("job {id} is a result without an outcome")));
    };
    let came_to_nothing = matches!(&outcome.result, Err(f) if f.kind == FailureKind::Superseded);
    Ok(came_to_nothing || by < approval.sequence)
}

/// Goes down the shortest list that holds all that is asked for.
pub(super) fn jobs(rows: &dyn Rows, filter: &JobFilter, limit: usize) -> Result<Vec<JobRecord>, IndexError> {
    let prefix = match (filter.state, &filter.op) {
        (Some(JobState::Open), _) => rows::OPEN.to_vec(),
        (_, Some(op)) => rows::of_op(op),
        (Some(JobState::Failed), None) => rows::FAILED.to_vec(),
        (Some(JobState::Ok) | None, None) => rows::JOBS.to_vec(),
    };
    let text = filter.text.as_ref().map(|text| text.to_lowercase());
    let wanted = |job: &JobRecord| {
        filter.op.as_ref().is_none_or(|op| *op == job.intent.op)
            && filter.state.is_none_or(|state| state == job.state())
            && text.as_ref().is_none_or(|text| job.intent.summary.to_lowercase().contains(text))
    };
    let mut end = match &filter.before {
        Some(before) => rows::listed(&prefix, before),
        // Ids are ASCII.
        None => [&prefix[..], &[0x80]].concat(),
    };
    let mut found = Vec::new();
    while found.len() < limit
        && let Some((key, _)) = rows.before(&prefix, &end)?
    {
        let job = named_job(rows, &rows::listed_job(&prefix, &key)?)?;
        if wanted(&job) {
            found.push(job);
        }
        end = key;
    }
    Ok(found)
}
