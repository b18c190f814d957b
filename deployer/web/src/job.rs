//! `GET /jobs/DAY/REST`: one job: how it stands, why it ran, what came of it, and its log.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ci_core::job::LogReader;
use ci_core::store::{JobFilter, JobRecord, Store};
use ci_core::{JobId, LiveJob, UnderWay};
use futures::stream;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::act::no_such_job;
use crate::facts::{self, Difference, Fact};
use crate::jobs::Row;
use crate::log::Part;
use crate::mark::Mark;
use crate::moment::{self, Moment};
use crate::page::{Failed, Frame, show};
use crate::site::Site;

/// How many older jobs of an operation are looked at for one to compare with.
const COMPARED_MAX: usize = 100;
/// How many other jobs for the same are listed.
const OTHERS_LISTED: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Asked {
    /// The line to show, counted from 1; without it, the tail.
    line: Option<u64>,
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

/// The fields of the key, and, for publishers, of what is to be there.
fn facts_of(key_fields: &Json, desired: &Json) -> Vec<Fact> {
    let key = match key_fields {
        Json::Object(_) => facts::of(key_fields),
        _ => facts::of_named("key", key_fields),
    };
    key.into_iter().chain(facts::of_named("wanted", desired)).collect()
}

/// Blocking.
fn why(store: &Store, id: &JobId, known: &Known) -> (Why, Vec<Row>) {
    let Some((op, _, key_fields, desired)) = known.asked() else { return Default::default() };
    let asked = facts_of(key_fields, desired);
    let older = JobFilter { op: Some(op.to_owned()), before: Some(id.clone()), ..JobFilter::default() };
    let older = store.jobs(&older, COMPARED_MAX);
    let same_key = |job: &&JobRecord| job.intent.key_fields == *key_fields;
    let alike = |job: &JobRecord| {
        let its = facts_of(&job.intent.key_fields, &job.intent.desired);
        asked.iter().filter(|fact| its.contains(fact)).count()
    };
    // The newest for the same place; for builders, whose every question is new, the newest that is most like it.
    let before = older.iter().find(same_key).or_else(|| {
        let best = older.iter().rev().max_by_key(|job| alike(job))?;
        (alike(best) * 2 >= asked.len()).then_some(best)
    });
    let changed =
        before.map(|job| facts::differences(&facts_of(&job.intent.key_fields, &job.intent.desired), &asked));
    let newest = JobFilter { op: Some(op.to_owned()), ..JobFilter::default() };
    let newest = store.jobs(&newest, COMPARED_MAX);
    let others = newest.iter().filter(same_key).filter(|job| job.intent.job != *id);
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
    // Asked in this order: a job that ends in between is seen as over, with its record.
    let under_way = site.engine.under_way(id.clone()).await;
    let (store, job) = (site.engine.store().clone(), id.clone());
    // A page that only takes over the other parts needs no log.
    let without_log = headers.contains_key("x-without-log");
    let read = move || {
        let known = Known { under_way, record: store.job(&job) };
        let path = store.log_path(&job);
        let (why, others) = why(&store, &job, &known);
        let log = match asked.line {
            _ if without_log => Ok(Part::default()),
            None => Part::tail(&path),
            Some(line) => Part::around(&path, line),
        };
        (known, path.exists(), why, others, log)
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
    Ok(show(&page(frame, &id, &known, why, others, log, asked.line.is_none())))
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
        result: outcome.and_then(|outcome| outcome.result.as_ref().ok()).map(facts::of).unwrap_or_default(),
        why,
        others,
        can_approve: frame.may_act && mark == Mark::Waiting,
        can_cancel: frame.may_act && known.under_way.is_some(),
        can_rebuild: frame.may_act && known.active().is_none() && known.record.is_some(),
        is_followed: at_tail && known.active().is_some(),
        log,
        frame,
    }
}

/// `GET /jobs/…/log`: the log's bytes as they are now.
pub(crate) async fn raw_log(
    State(site): State<Site>,
    Path((day, rest)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let id = format!("{day}/{rest}").parse::<JobId>().ok();
    let path = id.map(|id| site.engine.store().log_path(&id)).filter(|path| path.exists());
    let Some(path) = path else { return Err(no_such_job(Frame::of(&site, &headers))) };
    let reader = LogReader::of_finished(path, 0);
    let bytes = stream::unfold(reader, async |mut reader| match reader.next().await {
        Ok(Some(chunk)) => Some((Ok::<_, std::io::Error>(chunk), reader)),
        Ok(None) => None,
        Err(error) => Some((Err(error), reader)),
    });
    // Text, whatever it holds: no browser may see a page in it.
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, Body::from_stream(bytes)).into_response())
}
