//! `GET /jobs/…/log/events`: what is added to a log, and that the engine made a step.
//!
//! | event | data | id |
//! |---|---|---|
//! | `log` | lines that can't change any more, as HTML | how far that is: [`Seen`] |
//! | `window` | the last lines as they stand, as HTML, instead of those told before | none |
//! | `step` | nothing; read the page's other parts again | none |
//! | `end` | nothing; the job is over, and so is the stream | none |
//!
//! A browser that connects again goes on from the id it saw last (`Last-Event-ID`): no line is missing, none comes
//! twice. An event without an id leaves that where it was. To go on, the log is read again from where the page began,
//! since only so the terminal is in the same state; what was told before is left out.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ci_core::JobId;
use ci_core::job::LogReader;
use serde::Deserialize;
use tokio::time::Instant;

use crate::ansi;
use crate::live::TELL_EVERY;
use crate::log::{Seen, wrapped};
use crate::site::Site;
use crate::stream::{self, Gone, Sender};

/// How soon the last lines are told although they may change.
const WINDOW_WITHIN: Duration = Duration::from_millis(150);

#[derive(Deserialize)]
pub(crate) struct From {
    from: Option<String>,
}

pub(crate) async fn events(
    State(site): State<Site>,
    Path((day, rest)): Path<(String, String)>,
    Query(From { from }): Query<From>,
    headers: HeaderMap,
) -> Response {
    let seen = match stream::last_event_id(&headers).or(from.as_deref()) {
        None => Ok(Seen::default()),
        Some(text) => text.parse::<Seen>(),
    };
    let (Ok(seen), Ok(job)) = (seen, format!("{day}/{rest}").parse::<JobId>()) else {
        return (StatusCode::BAD_REQUEST, "That is no place in a log.\n").into_response();
    };
    let Some(reader) = site.engine.follow(job, seen.from.bytes).await else {
        return (StatusCode::NOT_FOUND, "There is no such log.\n").into_response();
    };
    let streams = site.clone();
    streams.streams.answer(move |sender| follow(site, reader, seen, sender))
}

async fn follow(site: Site, mut reader: LogReader, seen: Seen, sender: Sender) -> Result<(), Gone> {
    let mut log = Told::from(seen);
    let mut status = site.engine.status();
    let mut stopped = false;
    let mut next_step = Instant::now();
    loop {
        tokio::select! {
            biased;
            changed = status.changed(), if !stopped && Instant::now() >= next_step => match changed {
                Ok(()) => {
                    sender.send(stream::event("step", "")).await?;
                    next_step = Instant::now() + TELL_EVERY;
                }
                Err(_) => stopped = true,
            },
            () = tokio::time::sleep_until(next_step), if !stopped && Instant::now() < next_step => {}
            () = tokio::time::sleep_until(log.window_due.unwrap_or(next_step)), if log.window_due.is_some() => {
                log.tell_window(&sender).await?;
            }
            read = reader.next() => match read {
                Ok(Some(chunk)) => log.tell(&chunk, &sender).await?,
                Ok(None) => break,
                // The browser connects again, and is told the same or better.
                Err(error) => {
                    tracing::warn!(%error, "a log can't be read");
                    return Ok(());
                }
            },
        }
    }
    // A stopping engine ends logs that are not at their end: the next process goes on with them.
    if stopped { Ok(()) } else { log.end(&sender).await }
}

/// How far a reader was told.
struct Told {
    ansi: ansi::Html,
    seen: Seen,
    /// How many of the lines that come next were told before.
    known: u64,
    /// When the window is told, if it is not as it was told last.
    window_due: Option<Instant>,
}

impl Told {
    fn from(seen: Seen) -> Self {
        Self { ansi: ansi::Html::after(seen.from.lines), seen, known: seen.lines, window_due: None }
    }

    async fn tell(&mut self, chunk: &[u8], sender: &Sender) -> Result<(), Gone> {
        let lines = self.ansi.push(chunk);
        self.window_due.get_or_insert_with(|| Instant::now() + WINDOW_WITHIN);
        self.tell_lines(&lines, sender).await
    }

    async fn tell_lines(&mut self, lines: &str, sender: &Sender) -> Result<(), Gone> {
        let mut new = lines;
        while self.known > 0
            && let Some((_, rest)) = new.split_once('\n')
        {
            self.known -= 1;
            new = rest;
        }
        if new.is_empty() {
            return Ok(());
        }
        self.seen.lines += new.matches('\n').count() as u64;
        sender.send(stream::event("log", &wrapped(new)).id(self.seen.to_string())).await
    }

    async fn tell_window(&mut self, sender: &Sender) -> Result<(), Gone> {
        self.window_due = None;
        sender.send(stream::event("window", &wrapped(&self.ansi.preview()))).await
    }

    /// Nothing can change any more.
    async fn end(mut self, sender: &Sender) -> Result<(), Gone> {
        let last = std::mem::take(&mut self.ansi).finish();
        self.tell_lines(&last, sender).await?;
        sender.send(stream::event("window", "")).await?;
        sender.send(stream::event("end", "")).await
    }
}
