//! `GET /jobs`: all jobs, newest first, by operation, state and text.

use std::collections::HashSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ci_core::event::Phase;
use ci_core::store::{JobFilter, JobRecord, JobState, Store};
use ci_core::{JobId, LiveJob};
use serde::Deserialize;

use crate::facts;
use crate::mark::Mark;
use crate::moment::{self, Moment};
use crate::page::{Frame, show};
use crate::site::Site;

/// How many jobs are on one page.
const PAGE_ROWS: usize = 50;
/// How many records are read from the store in one go: others wait meanwhile.
const READ_AT_ONCE: usize = 200;
/// How many records are looked through for those that pass the filter; a link goes on from there.
const LOOKED_THROUGH_MAX: usize = 20_000;

/// The id of a job that would be newer than all: before it are all records.
const NEWEST: &str = "9999-12-31/z";

/// A job as it is listed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) op: String,
    pub(crate) summary: String,
    /// What it would do, or does: the end of a sentence. Of one that is over nobody asks.
    pub(crate) would: String,
    pub(crate) mark: Mark,
    /// Why it failed, or what it waits for.
    pub(crate) says: Option<String>,
    pub(crate) began: Moment,
    pub(crate) took: Option<String>,
}

impl Row {
    pub(crate) fn live(job: &LiveJob) -> Self {
        let says = match &job.phase {
            Phase::WaitingForSlot { pool } => Some(format!("waits for a slot in {pool}")),
            Phase::WaitingForResource { lacks } => Some(format!("waits for {lacks}")),
            Phase::Failed { failure, .. } => Some(failure.to_string()),
            _ => None,
        };
        Self {
            id: job.id.to_string(),
            op: job.op.clone(),
            summary: facts::with_short_digests(&job.summary),
            would: facts::with_short_digests(&job.would),
            mark: Mark::of_live(job),
            says,
            began: Moment::now(job.queued_at_ms),
            took: None,
        }
    }

    pub(crate) fn record(job: &JobRecord) -> Self {
        let outcome = job.outcome.as_ref();
        Self {
            id: job.intent.job.to_string(),
            op: job.intent.op.clone(),
            summary: facts::with_short_digests(&job.intent.summary),
            would: String::new(),
            mark: Mark::of_record(job),
            says: outcome.and_then(|o| o.result.as_ref().err()).map(ToString::to_string),
            began: Moment::now(job.intent.started_at_ms),
            took: outcome.map(|o| moment::span(o.finished_at_ms.saturating_sub(job.intent.started_at_ms))),
        }
    }
}

/// The newest jobs, those under way first.
pub(crate) async fn newest(site: &Site, live: &[LiveJob], limit: usize) -> Vec<Row> {
    let live = live.to_vec();
    let store = site.engine.store().clone();
    let found = move || look(&store, &live, &Wanted::default(), None, limit).rows;
    tokio::task::spawn_blocking(found).await.unwrap_or_default()
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    op: String,
    state: String,
    text: String,
    before: String,
}

/// A filter.
#[derive(Default)]
struct Wanted {
    op: Option<String>,
    state: Option<Which>,
    /// In lower case.
    text: Option<String>,
}

/// What people ask for by state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    UnderWay,
    Waiting,
    Ok,
    Failed,
}

impl Wanted {
    fn of(asked: &Asked) -> Self {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            op: said(&asked.op),
            state: match asked.state.as_str() {
                "under-way" => Some(Which::UnderWay),
                "waiting" => Some(Which::Waiting),
                "ok" => Some(Which::Ok),
                "failed" => Some(Which::Failed),
                _ => None,
            },
            text: said(&asked.text).map(|text| text.to_lowercase()),
        }
    }

    fn says(&self, op: &str, summary: &str) -> bool {
        self.op.as_ref().is_none_or(|wanted| wanted == op)
            && self.text.as_ref().is_none_or(|text| summary.to_lowercase().contains(text))
    }

    fn takes_live(&self, job: &LiveJob) -> bool {
        let state = match self.state {
            None | Some(Which::UnderWay) => true,
            Some(Which::Waiting) => Mark::of_live(job) == Mark::Waiting,
            Some(Which::Ok | Which::Failed) => false,
        };
        state && self.says(&job.op, &job.summary)
    }
}

/// What there is to list.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    /// Jobs under way that found no place on the page.
    more_live: usize,
    /// Where the next page begins, if there may be one: before this job.
    next: Option<String>,
}

/// The jobs of one page. Those under way are on the first.
fn look(store: &Store, live: &[LiveJob], wanted: &Wanted, before: Option<JobId>, limit: usize) -> Found {
    let mut found = Found::default();
    if before.is_none() {
        let passing: Vec<_> = live.iter().filter(|job| wanted.takes_live(job)).collect();
        found.rows.extend(passing.iter().take(limit).map(|job| Row::live(job)));
        found.more_live = passing.len() - found.rows.len();
    }
    let state = match wanted.state {
        None => None,
        Some(Which::UnderWay | Which::Waiting) => return found,
        Some(Which::Ok) => Some(JobState::Ok),
        Some(Which::Failed) => Some(JobState::Failed),
    };
    let under_way: HashSet<&JobId> = live.iter().map(|job| &job.id).collect();
    // The text is compared here: the store would go through everything without a pause.
    let mut filter = JobFilter { op: wanted.op.clone(), state, before, ..JobFilter::default() };
    let mut looked_through = 0;
    loop {
        let records = store.jobs(&filter, READ_AT_ONCE);
        let last = records.len() < READ_AT_ONCE;
        for record in records {
            let passes = !under_way.contains(&record.intent.job)
                && wanted.says(&record.intent.op, &record.intent.summary);
            if passes && found.rows.len() >= limit {
                found.next = Some(filter.before.map_or(NEWEST.to_owned(), String::from));
                return found;
            }
            if passes {
                found.rows.push(Row::record(&record));
            }
            looked_through += 1;
            filter.before = Some(record.intent.job);
        }
        if last {
            return found;
        }
        if looked_through >= LOOKED_THROUGH_MAX {
            found.next = filter.before.map(String::from);
            return found;
        }
    }
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Jobs {
    frame: Frame,
    ops: Vec<String>,
    asked: Asked,
    found: Found,
    /// Only the newest page is live.
    is_live: bool,
}

pub(crate) async fn jobs(
    State(site): State<Site>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let frame = Frame::of(&site, &headers);
    let live = site.engine.live().await;
    let mut ops: Vec<_> = site.engine.stages().await.into_iter().map(|stage| stage.op).collect();
    let (store, wanted) = (site.engine.store().clone(), Wanted::of(&asked));
    let before = asked.before.parse().ok();
    let is_live = before.is_none();
    let read = move || {
        // Also those that the pipeline has no more.
        ops.extend(store.ops());
        ops.sort();
        ops.dedup();
        (ops, look(&store, &live, &wanted, before, PAGE_ROWS))
    };
    let (ops, found) = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    show(&Jobs { frame, ops, asked, found, is_live })
}
