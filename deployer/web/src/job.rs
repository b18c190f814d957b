//! `GET /jobs/DAY/REST`: one job: how it stands, why it ran, what came of it, and its log.

use std::io;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use ci_core::engine::Handle;
use ci_core::job::LogText;
use ci_core::store::{JobFilter, JobRecord};
use ci_core::{JobId, KeyDigest, LiveJob, UnderWay};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::act::no_such_job;
use crate::facts::{self, Difference, Fact};
use crate::jobs::Row;
use crate::log::Part;
use crate::mark::Mark;
use crate::moment::{self, Moment};
use crate::page::{Failed, Frame, show};
use crate::raw::EXPIRED;
use crate::site::Site;

/// How many older jobs of an operation are looked at for one to compare with.
const COMPARED_MAX: usize = 100;
/// How many other jobs for the same are listed.
const OTHERS_LISTED: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Asked {
    /// The line to show, counted from 1; without it, the tail.
    line: Option<u64>,
    /// A line or a time, as a person says it: leads to that line.
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    id: String,
    op: String,
    summary: String,
    mark: Mark,
    attempt: u32,
    level: Option<String>,
    queued: Option<Moment>,
    started: Option<Moment>,
    ended: Option<Moment>,
    took: Option<String>,
    failure: Option<String>,
    hint: Option<String>,
    result: Vec<Fact>,
    why: Why,
    others: Vec<Row>,
    can_approve: bool,
    can_cancel: bool,
    can_rebuild: bool,
    log: Part,
    /// The log is at its tail, and goes on.
    is_followed: bool,
    /// What is said instead of a log that is not kept any more.
    expired: Option<&'static str>,
}

/// What it was asked to do, and how that differs from the job before.
#[derive(Default)]
struct Why {
    asked: Vec<Fact>,
    /// The job that is most like it, of those before.
    before: Option<String>,
    changed: Vec<Difference>,
}

/// All that is known of a job.
struct Known {
    under_way: Option<UnderWay>,
    record: Option<JobRecord>,
}

impl Known {
    /// The job, if it has not ended; one that is tried again has.
    fn active(&self) -> Option<&LiveJob> {
        let live = self.under_way.as_ref().map(|under_way| &under_way.job);
        live.filter(|_| self.mark() != Mark::Retrying)
    }

    fn mark(&self) -> Mark {
        match (&self.under_way, &self.record) {
            (Some(under_way), _) => Mark::of_live(&under_way.job),
            (None, Some(record)) => Mark::of_record(record),
            (None, None) => Mark::Open,
        }
    }

    /// The operation, what it was asked, in words and in fields.
    fn asked(&self) -> Option<(&str, &str, &Json, &Json)> {
        match (&self.under_way, &self.record) {
            (Some(UnderWay { job, key_fields, desired, .. }), _) => {
                Some((&job.op, &job.summary, key_fields, desired))
            }
            (_, Some(JobRecord { intent, .. })) => {
                Some((&intent.op, &intent.summary, &intent.key_fields, &intent.desired))
            }
            _ => None,
        }
    }
}

/// The fields of the key, and, for publishers, of what is to be there; without secrets.
fn facts_of(engine: &Handle, key_fields: &Json, desired: &Json) -> Vec<Fact> {
    let (key_fields, desired) = (engine.told(key_fields.clone()), engine.told(desired.clone()));
    let key = match key_fields {
        Json::Object(_) => facts::of(&key_fields),
        _ => facts::of_named("key", &key_fields),
    };
    key.into_iter().chain(facts::of_named("wanted", &desired)).collect()
}

/// Blocking.
fn why(engine: &Handle, id: &JobId, known: &Known) -> (Why, Vec<Row>) {
    let Some((op, _, key_fields, desired)) = known.asked() else { return Default::default() };
    let store = engine.store();
    let facts_of_job = |job: &JobRecord| facts_of(engine, &job.intent.key_fields, &job.intent.desired);
    let asked = facts_of(engine, key_fields, desired);
    let of_key =
        JobFilter { op: Some(op.to_owned()), key: Some(KeyDigest::of(key_fields)), ..JobFilter::default() };
    let older_of_key = store.jobs(&JobFilter { before: Some(id.clone()), ..of_key.clone() }, 1);
    let older = JobFilter { op: Some(op.to_owned()), before: Some(id.clone()), ..JobFilter::default() };
    let older = if older_of_key.is_empty() { store.jobs(&older, COMPARED_MAX) } else { Vec::new() };
    let alike = |job: &JobRecord| {
        let its = facts_of_job(job);
        asked.iter().filter(|fact| its.contains(fact)).count()
    };
    // The newest for the same place; for builders, whose every question is new, the newest that is most like it.
    let before = older_of_key.first().or_else(|| {
        let best = older.iter().rev().max_by_key(|job| alike(job))?;
        (alike(best) * 2 >= asked.len()).then_some(best)
    });
    let changed = before.map(|job| facts::differences(&facts_of_job(job), &asked));
    let newest = store.jobs(&of_key, OTHERS_LISTED + 1);
    let others = newest.iter().filter(|job| job.intent.job != *id);
    let others = others.take(OTHERS_LISTED).map(Row::record).collect();
    let before = before.map(|job| job.intent.job.to_string());
    (Why { asked, before, changed: changed.unwrap_or_default() }, others)
}

pub(crate) async fn job(
    State(site): State<Site>,
    Path((day, rest)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let frame = Frame::of(&site, &headers);
    let Ok(id) = format!("{day}/{rest}").parse::<JobId>() else { return Err(no_such_job(frame)) };
    if let Some(to) = asked.to.filter(|to| !to.trim().is_empty()) {
        return jump(&site, frame, id, &day, to.trim()).await;
    }
    // Asked in this order: a job that ends in between is seen as over, with its record.
    let under_way = site.engine.under_way(id.clone()).await;
    let (engine, job) = (site.engine.clone(), id.clone());
    // A page that only takes over the other parts needs no log.
    let without_log = headers.contains_key("x-without-log");
    let read = move || {
        let known = Known { under_way, record: engine.store().job(&job) };
        let path = engine.store().log_path(&job);
        let (why, others) = why(&engine, &job, &known);
        let log = match asked.line {
            _ if without_log => Ok(Part::default()),
            None => Part::tail(&path),
            Some(line) => Part::around(&path, line),
        };
        (known, LogText::is_kept(&path), why, others, log)
    };
    let read = tokio::task::spawn_blocking(read).await;
    let unread = |frame: Frame, error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a job's page can't be read");
        Failed::new(frame, StatusCode::INTERNAL_SERVER_ERROR, "The job can't be read now.")
    };
    let (known, has_log, why, others, log) = match read {
        Ok(read) => read,
        Err(error) => return Err(unread(frame, &error)),
    };
    let log = match log {
        Ok(log) => log,
        Err(error) => return Err(unread(frame, &error)),
    };
    if known.asked().is_none() && !has_log {
        return Err(no_such_job(frame));
    }
    let result = known.record.as_ref().and_then(|record| record.outcome.as_ref()?.result.as_ref().ok());
    let result = result.map(|value| facts::of(&site.engine.told(value.clone()))).unwrap_or_default();
    let mut page = page(frame, &id, &known, why, others, log, asked.line.is_none());
    page.result = result;
    page.expired = (!has_log && known.under_way.is_none()).then_some(EXPIRED);
    Ok(show(&page))
}

/// Leads to the line that a person means.
async fn jump(site: &Site, frame: Frame, id: JobId, day: &str, to: &str) -> Result<Response, Failed> {
    let line = match (to.parse::<u64>(), moment::asked_on(day, to)) {
        (Ok(line), _) => Ok(line),
        (_, Some(at_ms)) => {
            let path = site.engine.store().log_path(&id);
            let find = move || {
                let Some(mut log) = LogText::open(&path)? else { return Ok(1) };
                Ok::<_, io::Error>(log.at(at_ms)?.lines + 1)
            };
            tokio::task::spawn_blocking(find).await.map_err(io::Error::other).flatten()
        }
        _ => {
            let message = "That is neither a line's number nor a time.";
            let hint = "Say 1234, 14:03:22, or 2026-11-20 14:03:22; times are UTC.";
            return Err(Failed::new(frame, StatusCode::BAD_REQUEST, message).with_hint(hint));
        }
    };
    match line {
        Ok(line) => {
            Ok(Redirect::to(&format!("{}/jobs/{id}?line={line}#L{line}", frame.base)).into_response())
        }
        Err(error) => {
            tracing::error!(%error, job = %id, "a log can't be read");
            Err(Failed::new(frame, StatusCode::INTERNAL_SERVER_ERROR, "The log can't be read now."))
        }
    }
}

fn page(
    frame: Frame,
    id: &JobId,
    known: &Known,
    why: Why,
    others: Vec<Row>,
    log: Part,
    at_tail: bool,
) -> JobPage {
    let mark = known.mark();
    let intent = known.record.as_ref().map(|record| &record.intent);
    let outcome = known.record.as_ref().and_then(|record| record.outcome.as_ref());
    let failed = outcome.and_then(|outcome| outcome.result.as_ref().err());
    let (op, summary, ..) = known.asked().unwrap_or(("", "It ended before it ran", &Json::Null, &Json::Null));
    let started = intent.map(|intent| intent.started_at_ms);
    let queued = known.active().map(|job| job.queued_at_ms).or(intent.map(|intent| intent.queued_at_ms));
    let ended = outcome.map(|outcome| outcome.finished_at_ms);
    JobPage {
        id: id.to_string(),
        op: op.to_owned(),
        summary: facts::with_short_digests(summary),
        mark,
        attempt: known.active().map(|job| job.attempt).or(intent.map(|i| i.attempt)).unwrap_or(1),
        level: known.under_way.as_ref().map(|under_way| under_way.level.to_string()),
        queued: queued.map(Moment::now),
        started: started.map(Moment::now),
        ended: ended.map(Moment::now),
        took: started.zip(ended).map(|(from, to)| moment::span(to.saturating_sub(from))),
        failure: failed.map(|failure| failure.message.clone()),
        hint: failed.and_then(|failure| failure.hint.clone()),
        result: Vec::new(),
        why,
        others,
        can_approve: frame.may_act && mark == Mark::Waiting,
        can_cancel: frame.may_act && known.under_way.is_some(),
        can_rebuild: frame.may_act && known.active().is_none() && known.record.is_some(),
        is_followed: at_tail && known.active().is_some(),
        expired: None,
        log,
        frame,
    }
}
