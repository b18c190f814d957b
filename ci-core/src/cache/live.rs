//! What the outside may know about jobs under way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::Cache;
use super::instance::{Instance, State};
use crate::clock;
use crate::error::Failure;
use crate::event::Phase;
use crate::ids::JobId;
use crate::job::{LogReader, LogText};
use crate::level::Level;
use crate::op::deed;
use crate::pool::Pool;

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveJob {
    /// Its name.
    pub id: JobId,
    /// Its operation.
    pub op: String,
    /// What it does, for people.
    pub summary: String,
    /// The same as the end of a sentence: `build Dockerfile of site@1a2b3c4d`.
    pub would: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// Where it is now.
    pub phase: Phase,
    /// While it is tried again: why the try before failed.
    pub tried: Option<Failure>,
}

/// A job under way, or waiting to be tried again, and what it was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnderWay {
    /// The job.
    pub job: LiveJob,
    /// What harm it can do.
    pub level: Level,
    /// The key's fields.
    pub key_fields: Json,
    /// For publishers: what the place is to hold. `null` for builders.
    pub desired: Json,
}

impl Cache {
    /// What a job that is under way, or waits to be tried again, was asked.
    pub(crate) fn asked_of(&self, job: &JobId) -> Option<UnderWay> {
        self.instances.values().find_map(|instance| {
            let request = match &instance.state {
                State::Active(attempt) if attempt.job == *job => &attempt.request,
                State::Retrying { job: failed, request, .. } if failed == job => request,
                _ => return None,
            };
            Some(UnderWay {
                job: live(instance)?,
                // A level that panics fails the job; who asks is told the worst.
                level: catch_unwind(AssertUnwindSafe(|| instance.op.level(request)))
                    .unwrap_or(Level::Dangerous),
                key_fields: request.key_fields.json(),
                desired: request.desired_fields.json(),
            })
        })
    }

    /// The jobs under way or waiting to be tried again, newest first.
    pub(crate) fn live(&self) -> Vec<LiveJob> {
        let mut jobs: Vec<_> = self.instances.values().filter_map(|instance| live(instance)).collect();
        jobs.sort_by(|a, b| b.id.cmp(&a.id));
        jobs
    }

    /// The pools of all operations, each once.
    pub(crate) fn pools(&self) -> Vec<Pool> {
        let mut pools: Vec<Pool> = Vec::new();
        for pool in self.operations.iter().filter_map(|op| op.pool()) {
            if !pools.iter().any(|known| known.is(&pool)) {
                pools.push(pool);
            }
        }
        pools.sort_by(|a, b| a.name().cmp(b.name()));
        pools
    }

    /// A reader of a job's log from `offset` on. It follows if the job is under way.
    pub(crate) fn follow(&self, job: &JobId, offset: u64) -> Option<LogReader> {
        let live = self.instances.values().find_map(|instance| match &instance.state {
            State::Active(attempt) if attempt.job == *job => Some(attempt.log.follow(offset)),
            _ => None,
        });
        let path = self.env.store.log_path(job);
        live.or_else(|| LogText::is_kept(&path).then(|| LogReader::of_finished(path, offset)))
    }
}

fn live(instance: &Instance) -> Option<LiveJob> {
    let op = instance.op.id().to_string();
    match &instance.state {
        State::Active(attempt) => Some(LiveJob {
            id: attempt.job.clone(),
            op,
            summary: attempt.request.summary.to_string(),
            would: deed(&*instance.op, &attempt.request.summary),
            attempt: attempt.number,
            queued_at_ms: attempt.queued_at_ms,
            phase: attempt.phase(),
            tried: attempt.tried().cloned(),
        }),
        State::Retrying { job, request, attempt, failure, due, .. } => {
            let retry_at_ms = at_ms(*due);
            Some(LiveJob {
                id: job.clone(),
                op,
                summary: request.summary.to_string(),
                would: deed(&*instance.op, &request.summary),
                attempt: attempt - 1,
                queued_at_ms: retry_at_ms,
                phase: Phase::Failed { failure: Failure::clone(failure), retry_at_ms: Some(retry_at_ms) },
                tried: None,
            })
        }
        State::Checking { stored, unknown: Some((failure, due)), .. } => {
            let retry_at_ms = at_ms(*due);
            Some(LiveJob {
                id: stored.job.clone(),
                op,
                summary: stored.summary.to_string(),
                would: deed(&*instance.op, &stored.summary),
                attempt: 1,
                queued_at_ms: retry_at_ms,
                phase: Phase::Failed { failure: Failure::clone(failure), retry_at_ms: Some(retry_at_ms) },
                tried: None,
            })
        }
        _ => None,
    }
}

/// Unix milliseconds of what is due then.
pub(super) fn at_ms(due: Instant) -> u64 {
    clock::now_ms() + due.saturating_duration_since(Instant::now()).as_millis() as u64
}
