//! What the store can be asked, and how the rows answer.

use std::time::Duration;

use serde_json::Value as Json;

use super::record::{Intent, Outcome};
use super::rows::{self, ApprovalRow, Declined, IndexError, JobRow, KeyRow, Rows, Said};
use crate::error::{Failure, FailureKind};
use crate::ids::{JobId, KeyDigest};

/// The newest finished attempt at a key, but for those that were to renew its value and failed.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResult {
    /// What was to be done.
    pub intent: Intent,
    /// How it ended.
    pub outcome: Outcome,
    /// The newest attempt to renew its value, if that failed.
    pub renewal: Option<FailedRenewal>,
    /// Set when the result does not count any more.
    pub invalidated: Option<Invalidation>,
}

/// See [`StoredResult::renewal`].
#[derive(Clone, Debug, PartialEq)]
pub struct FailedRenewal {
    /// The attempt.
    pub job: JobId,
    /// When it failed, Unix milliseconds.
    pub at_ms: u64,
    /// Why.
    pub failure: Failure,
}

/// See [`StoredResult::invalidated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalidation {
    /// Why, for people.
    pub why: String,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Whether its value serves until there is a newer one.
    pub serves: bool,
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
    /// Only those about this key. With the operation, nothing else is read.
    pub key: Option<KeyDigest>,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those whose result does not count any more, and is still to be made again.
    pub declined: bool,
    /// Only those whose id begins with this text: `2026-11`.
    pub id: Option<String>,
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
    /// How long it waited to be let run.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.intent.started_at_ms.saturating_sub(self.intent.queued_at_ms))
    }

    /// How long it ran, if it has ended.
    pub fn ran(&self) -> Option<Duration> {
        let ended = self.outcome.as_ref()?.finished_at_ms;
        Some(Duration::from_millis(ended.saturating_sub(self.intent.started_at_ms)))
    }

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
    let renewal = match row.renewal {
        None => None,
        Some(job) => {
            let Some(Outcome { finished_at_ms: at_ms, result: Err(failure), .. }) =
                named_job(rows, &job)?.outcome
            else {
                return Err(IndexError(format!("job {job} is a failed renewal without a failure")));
            };
            Some(FailedRenewal { job, at_ms, failure })
        }
    };
    let invalidated = row.declined.map(|said| {
        let Declined { why, at_ms, serves } = said.what;
        Invalidation { why, at_ms, serves }
    });
    Ok(Some(StoredResult { intent, outcome, renewal, invalidated }))
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
    let row = rows::read::<KeyRow>(rows, &rows::key(op, key))?;
    let Some(id) = row.and_then(|row| row.renewal.or(row.result)) else { return Ok(true) };
    let Some(Said { by, what: outcome }) =
        rows::read::<JobRow>(rows, &rows::job(&id))?.and_then(|row| row.outcome)
    else {
        return Err(IndexError(format!("job {id} is a result without an outcome")));
    };
    let came_to_nothing = matches!(&outcome.result, Err(f) if f.kind == FailureKind::Superseded);
    Ok(came_to_nothing || by < approval.sequence)
}

/// The operations that have jobs.
pub(super) fn ops(rows: &dyn Rows) -> Result<Vec<String>, IndexError> {
    let mut ops = Vec::new();
    let mut from = rows::OPS.to_vec();
    while let Some((key, _)) = rows.at_or_after(rows::OPS, &from)? {
        let op = rows::op_of(&key)?.to_owned();
        // Behind all of it.
        from = [rows::OPS, op.as_bytes(), &[1]].concat();
        ops.push(op);
    }
    Ok(ops)
}

/// Goes down the shortest list that holds all that is asked for.
pub(super) fn jobs(rows: &dyn Rows, filter: &JobFilter, limit: usize) -> Result<Vec<JobRecord>, IndexError> {
    let list = match (filter.declined, filter.state, &filter.op, &filter.key) {
        (true, ..) => rows::DECLINED.to_vec(),
        (_, Some(JobState::Open), ..) => rows::OPEN.to_vec(),
        (.., Some(op), Some(key)) => rows::of_key(op, key),
        (.., Some(op), None) => rows::of_op(op),
        (_, Some(JobState::Failed), ..) => rows::FAILED.to_vec(),
        (_, Some(JobState::Ok) | None, ..) => rows::JOBS.to_vec(),
    };
    let prefix = [&list[..], filter.id.as_deref().unwrap_or_default().as_bytes()].concat();
    let wanted = |job: &JobRecord| {
        filter.op.as_ref().is_none_or(|op| *op == job.intent.op)
            && filter.key.is_none_or(|key| key == job.intent.key)
            && filter.state.is_none_or(|state| state == job.state())
    };
    // Ids are ASCII.
    let all = [&prefix[..], &[0x80]].concat();
    let mut end = filter.before.as_ref().map_or(all.clone(), |before| rows::listed(&list, before).min(all));
    let mut found = Vec::new();
    while found.len() < limit
        && let Some((key, _)) = rows.before(&prefix, &end)?
    {
        let job = named_job(rows, &rows::listed_job(&list, &key)?)?;
        if wanted(&job) {
            found.push(job);
        }
        end = key;
    }
    Ok(found)
}
