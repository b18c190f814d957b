//! `GET /jobs/DAY/REST/log`, which is also `/api/v1/jobs/DAY/REST/log`: a log's bytes, whole or from somewhere on.
//!
//! | asked | answered |
//! |---|---|
//! | nothing | all of it, as it is now |
//! | `from=BYTES` | from that offset on |
//! | `line=N` | from that line on, counted from 1 |
//! | `at=TIME` | from the line on that was written then: see [`asked`](crate::moment::asked) |
//! | `tail=BYTES` | the end, from the beginning of a line on |
//! | `bytes=N` | with any of these: so many at most |
//!
//! `x-log-from`, `x-log-line` and `x-log-bytes` say where it begins and how much there is: who asks again `from` where it
//! ended has all of it. A log that is not kept any more is 410.

use std::io;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ci_core::JobId;
use ci_core::job::{LogReader, LogText, Place};
use futures::stream;
use serde::Deserialize;

use crate::act::no_such_job;
use crate::moment;
use crate::page::Frame;
use crate::site::Site;

/// What is said of a log that has expired, here and on its job's page.
pub(crate) const EXPIRED: &str = "The log of this job is not kept any more.";

#[derive(Deserialize)]
pub(crate) struct Asked {
    from: Option<u64>,
    line: Option<u64>,
    at: Option<String>,
    tail: Option<u64>,
    bytes: Option<u64>,
}

/// Where to begin.
enum From {
    Bytes(u64),
    Line(u64),
    At(u64),
    Tail(u64),
}

impl From {
    /// `None`: that makes no sense.
    fn asked(asked: &Asked) -> Option<Self> {
        let at = match &asked.at {
            Some(text) => Some(moment::asked(text)?),
            None => None,
        };
        let said = [
            asked.from.map(Self::Bytes),
            asked.line.map(Self::Line),
            at.map(Self::At),
            asked.tail.map(Self::Tail),
        ];
        let mut said = said.into_iter().flatten();
        let from = said.next().unwrap_or(Self::Bytes(0));
        said.next().is_none().then_some(from)
    }

    fn place(&self, log: &mut LogText) -> io::Result<Place> {
        match *self {
            Self::Bytes(bytes) => log.place(bytes),
            Self::Line(line) => log.line(line.saturating_sub(1)),
            Self::At(at_ms) => log.at(at_ms),
            Self::Tail(bytes) => {
                let place = log.place(log.bytes().saturating_sub(bytes))?;
                let whole = if place.bytes == 0 { place } else { log.line(place.lines + 1)? };
                // The last line may be longer than what is asked for.
                Ok(if whole.bytes < place.bytes { place } else { whole })
            }
        }
    }
}

pub(crate) async fn log(
    State(site): State<Site>,
    Path((day, rest)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Ok(job) = format!("{day}/{rest}").parse::<JobId>() else {
        return no_such_job(Frame::of(&site, &headers)).into_response();
    };
    let Some(from) = From::asked(&asked) else {
        return (StatusCode::BAD_REQUEST, "That is no place in a log.\n").into_response();
    };
    let path = site.engine.store().log_path(&job);
    let found = {
        let path = path.clone();
        let find = move || {
            let Some(mut log) = LogText::open(&path)? else { return Ok(None) };
            Ok::<_, io::Error>(Some((from.place(&mut log)?, log.bytes())))
        };
        tokio::task::spawn_blocking(find).await.map_err(io::Error::other).flatten()
    };
    let (place, all) = match found {
        Ok(Some(found)) => found,
        Ok(None) if is_over(&site, &job).await => {
            return (StatusCode::GONE, format!("{EXPIRED}\n")).into_response();
        }
        Ok(None) => return no_such_job(Frame::of(&site, &headers)).into_response(),
        Err(error) => {
            tracing::error!(%error, %job, "a log can't be read");
            return (StatusCode::INTERNAL_SERVER_ERROR, "The log can't be read now.\n").into_response();
        }
    };
    let reader = LogReader::of_finished(path, place.bytes);
    let left = asked.bytes.unwrap_or(u64::MAX);
    let bytes = stream::unfold((reader, left), async |(mut reader, left)| {
        if left == 0 {
            return None;
        }
        match reader.next().await {
            Ok(Some(mut chunk)) => {
                chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - chunk.len() as u64;
                Some((Ok::<_, io::Error>(chunk), (reader, left)))
            }
            Ok(None) => None,
            Err(error) => Some((Err(error), (reader, 0))),
        }
    });
    let told = [
        ("x-log-from", place.bytes.to_string()),
        ("x-log-line", (place.lines + 1).to_string()),
        ("x-log-bytes", all.to_string()),
    ];
    // Text, whatever it holds: no browser may see a page in it.
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (kind, told, Body::from_stream(bytes)).into_response()
}

/// Whether there was such a job, and nothing more comes of it.
async fn is_over(site: &Site, job: &JobId) -> bool {
    if site.engine.under_way(job.clone()).await.is_some() {
        return false;
    }
    let (store, job) = (site.engine.store().clone(), job.clone());
    let outcome = move || store.job(&job).is_some_and(|record| record.outcome.is_some());
    tokio::task::spawn_blocking(outcome).await.unwrap_or(false)
}
