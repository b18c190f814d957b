//! Which logs hold a text: `GET /logs` as a page, `GET /api/v1/logs` as lines of JSON that come as they are found.
//!
//! Asked are `text`, `regex=on`, `op`, `about` and `before`: see [`Query`]. A search is bounded, and says how far it came.
//! The JSON is that of [`Search::lines`]: unless it `is_all`, the search goes on with `before` as the `until` of its end.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Query as Params, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ci_core::logs::{Found, Hit, Query, QueryRefused, Search};
use futures::StreamExt as _;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::ansi;
use crate::facts;
use crate::mark::Mark;
use crate::page::{Failed, Frame, show};
use crate::site::Site;

/// How many searches there are at once: each keeps a processor and a disk busy.
const SEARCHES_MAX: usize = 2;

const BUSY: &str = "Others are searching; try again in a moment.";

/// Counts the searches there are.
pub(crate) struct Searches(Arc<Semaphore>);

impl Default for Searches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SEARCHES_MAX)))
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    text: String,
    regex: String,
    op: String,
    about: String,
    before: String,
}

impl Asked {
    fn search(&self, site: &Site) -> Result<Search, QueryRefused> {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let query = Query {
            text: self.text.clone(),
            regex: !self.regex.is_empty(),
            op: said(&self.op),
            about: said(&self.about),
            before: self.before.parse().ok(),
        };
        Search::new(site.engine.store().clone(), query)
    }
}

#[derive(Template)]
#[template(path = "logs.html")]
struct Logs {
    frame: Frame,
    ops: Vec<String>,
    asked: Asked,
    /// Lines by job; `None`: nothing was looked for.
    jobs: Option<Vec<InJob>>,
    found: Found,
    refused: Option<String>,
}

/// What was found in one log.
struct InJob {
    id: String,
    op: String,
    summary: String,
    lines: Vec<(u64, String)>,
    /// There may be more in it.
    is_full: bool,
}

fn by_job(hits: Vec<Hit>) -> Vec<InJob> {
    let mut jobs = Vec::<InJob>::new();
    for Hit { job, op, summary, line, text } in hits {
        if jobs.last().is_none_or(|last| last.id != job.as_str()) {
            let (id, summary) = (job.to_string(), facts::with_short_digests(&summary));
            jobs.push(InJob { id, op, summary, lines: Vec::new(), is_full: false });
        }
        if let Some(last) = jobs.last_mut() {
            last.lines.push((line, ansi::plain(&text)));
            last.is_full = last.lines.len() == Search::HITS_OF_LOG;
        }
    }
    jobs
}

pub(crate) async fn page(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let frame = Frame::of(&site, &headers);
    let mut ops: Vec<_> = site.engine.stages().await.into_iter().map(|stage| stage.op).collect();
    ops.sort();
    ops.dedup();
    let nothing = Found { is_all: true, ..Found::default() };
    let mut page = Logs { frame, ops, asked, jobs: None, found: nothing, refused: None };
    if page.asked.text.is_empty() {
        return Ok(show(&page));
    }
    let search = match page.asked.search(&site) {
        Ok(search) => search,
        Err(refused) => {
            page.refused = Some(format!("Not looked for: {refused}."));
            return Ok((StatusCode::BAD_REQUEST, show(&page)).into_response());
        }
    };
    let Ok(permit) = site.searches.0.clone().try_acquire_owned() else {
        return Err(Failed::new(page.frame, StatusCode::SERVICE_UNAVAILABLE, BUSY));
    };
    // Who is gone has let go of it.
    let asked = Arc::new(());
    let asks = Arc::downgrade(&asked);
    let run = move || {
        let mut hits = Vec::new();
        let found = search.run(
            || asks.strong_count() > 0,
            |hit| {
                hits.push(hit);
                ControlFlow::Continue(())
            },
        );
        drop(permit);
        (hits, found)
    };
    match tokio::task::spawn_blocking(run).await {
        Ok((hits, found)) => (page.jobs, page.found) = (Some(by_job(hits)), found),
        Err(error) => {
            tracing::error!(%error, "a search ended badly");
            let message = "The logs can't be searched now.";
            return Err(Failed::new(page.frame, StatusCode::INTERNAL_SERVER_ERROR, message));
        }
    }
    Ok(show(&page))
}

pub(crate) async fn json(State(site): State<Site>, Params(asked): Params<Asked>) -> Response {
    let search = match asked.search(&site) {
        Ok(search) => search,
        Err(refused) => {
            return (StatusCode::BAD_REQUEST, format!("Not looked for: {refused}.\n")).into_response();
        }
    };
    let Ok(permit) = site.searches.0.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{BUSY}\n")).into_response();
    };
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(search.lines(permit).map(Ok::<_, Infallible>))).into_response()
}
