//! Which logs hold a text.
//!
//! The logs are gone through one after the other, the newest job's first: no index has to be kept of what is hardly ever
//! asked. What one search takes is bounded, and where it ended is where the next goes on.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use futures::Stream;
use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::ids::JobId;
use crate::job::LogText;
use crate::log_rules::PATTERN_COMPILED_BYTES_MAX;
use crate::store::record::Intent;
use crate::store::{JobFilter, JobRecord, Store};

/// What to look for, and where.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// What a line is to hold, in whatever case.
    pub text: String,
    /// Whether `text` is a regular expression, as log rules have them: of bytes, so its classes and cases are those of ASCII.
    pub regex: bool,
    /// Only the logs of this operation.
    pub op: Option<String>,
    /// Only the logs of jobs that were about this: what they were asked holds it, in whatever case. A repository, a
    /// branch, a service, an image.
    pub about: Option<String>,
    /// Only the logs of older jobs than this one: goes on where a search ended.
    pub before: Option<JobId>,
}

/// Why nothing is looked for.
#[derive(Debug, thiserror::Error)]
pub enum QueryRefused {
    /// There is no text.
    #[error("say what to look for")]
    Empty,
    /// See [`Query::TEXT_BYTES_MAX`].
    #[error("a text of more than {} bytes is not looked for", Query::TEXT_BYTES_MAX)]
    TooLong,
    /// It is no regular expression, or one that is too large.
    #[error("that is no regular expression that can be looked for: {0}")]
    Regex(#[source] regex::Error),
}

impl Query {
    /// How long the text may be.
    pub const TEXT_BYTES_MAX: usize = 1000;
    /// How large a regular expression may become, bytes: what one takes grows with that, for each byte of a log.
    const REGEX_BYTES_MAX: usize = PATTERN_COMPILED_BYTES_MAX;
    /// How large a text may become that is none: room for the longest, with all cases of its letters.
    const LITERAL_BYTES_MAX: usize = 1 << 20;
}

/// A line that holds the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Whose log it is in.
    pub job: JobId,
    /// The job's operation.
    pub op: String,
    /// What the job was about.
    pub summary: String,
    /// The line's number, counted from 1.
    pub line: u64,
    /// The line, or, of a long one, what is near the text: see [`Search::SHOWN_BYTES`]. As it is in the log, but for what is
    /// no UTF-8.
    pub text: String,
}

/// How far a search came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The oldest job that was looked at: [`Query::before`] to go on. `None`: none was.
    pub until: Option<JobId>,
    /// Whether there is nothing older.
    pub is_all: bool,
    /// How many logs were read.
    pub logs: u64,
    /// How many could not be. Each was told in the trace.
    pub unreadable: u64,
    /// Whether of the last one, that of `until`, only the beginning was read, since it took too long.
    #[serde(default)]
    pub is_cut: bool,
}

/// A line of [`Search::lines`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// It was found.
    Hit(Hit),
    /// That was all of this run.
    Found(Found),
}

/// A search that can be run.
#[derive(Debug)]
pub struct Search {
    store: Store,
    query: Query,
    regex: Regex,
    /// [`Search::TAKES_MAX`].
    takes_max: Duration,
}

impl Search {
    /// How many lines of one log are told.
    pub const HITS_OF_LOG: usize = 5;
    /// How many are told in one run.
    pub const HITS_MAX: usize = 100;
    /// How much of a line is shown before the beginning of the text, and from there on.
    pub const SHOWN_BYTES: usize = 200;
    /// How long one run takes; the log that it is at is read to its end ...
    pub const TAKES: Duration = Duration::from_secs(2);
    /// ... unless that takes longer than this. A piece of it that was begun is gone through.
    pub const TAKES_MAX: Duration = Duration::from_secs(5 * Self::TAKES.as_secs());
    /// How many lines a reader may be behind before the search waits.
    const QUEUE_MAX: usize = 16;
    /// How many records are read from the store in one go: others wait meanwhile.
    const RECORDS: usize = 200;
    /// How much of a log is read at a time.
    const PIECE_BYTES: usize = 256 << 10;
    /// A line that is longer is looked at in parts: what stands in two of them is not found.
    const LINE_BYTES_MAX: usize = 256 << 10;

    /// # Errors
    ///
    /// [`QueryRefused`].
    pub fn new(store: Store, query: Query) -> Result<Self, QueryRefused> {
        if query.text.is_empty() {
            return Err(QueryRefused::Empty);
        }
        if query.text.len() > Query::TEXT_BYTES_MAX {
            return Err(QueryRefused::TooLong);
        }
        let pattern = if query.regex { query.text.clone() } else { regex::escape(&query.text) };
        let regex = RegexBuilder::new(&pattern)
            .case_insensitive(true)
            .multi_line(true)
            .crlf(true)
            .unicode(!query.regex)
            .size_limit(if query.regex { Query::REGEX_BYTES_MAX } else { Query::LITERAL_BYTES_MAX })
            .build()
            .map_err(QueryRefused::Regex)?;
        Ok(Self { store, query, regex, takes_max: Self::TAKES_MAX })
    }

    /// Tells each line that is found, the newest job's first and each log's from its beginning, until `tell` breaks off,
    /// [`Search::HITS_MAX`] are told, or [`Search::TAKES`] is over. Whether it `is_wanted` at all is asked now and then, also
    /// where nothing is found. Blocking.
    pub fn run(&self, is_wanted: impl Fn() -> bool, mut tell: impl FnMut(Hit) -> ControlFlow<()>) -> Found {
        let began = Instant::now();
        let about = self.query.about.as_ref().map(|about| about.to_lowercase());
        let mut filter = JobFilter {
            op: self.query.op.clone(),
            before: self.query.before.clone(),
            ..JobFilter::default()
        };
        let mut found = Found { until: filter.before.clone(), ..Found::default() };
        let (mut told, mut records) = (0, VecDeque::new());
        while told < Self::HITS_MAX && began.elapsed() < Self::TAKES {
            if records.is_empty() {
                records.extend(self.store.jobs(&filter, Self::RECORDS));
            }
            let Some(record) = records.pop_front() else {
                found.is_all = true;
                break;
            };
            filter.before = Some(record.intent.job.clone());
            found.until.clone_from(&filter.before);
            if about.as_ref().is_some_and(|about| !is_about(&record, about)) {
                continue;
            }
            match self.in_log(&record, began + self.takes_max, &is_wanted, &mut tell) {
                Ok(read) => {
                    found.logs += u64::from(read.is_kept);
                    found.is_cut = read.is_cut;
                    told += read.hits;
                    if read.is_enough || read.is_cut {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(job = %record.intent.job, %error, "a log can't be searched");
                    found.unreadable += 1;
                }
            }
        }
        found
    }

    /// Runs on a thread of its own, and tells what is found as it is found, in lines of JSON: `{"hit": …}` for each [`Hit`],
    /// and at last `{"found": …}`, a [`Found`]. Who drops it ends it, also where nothing is found. `held` is let go of when it
    /// has ended.
    pub fn lines(self, held: impl Send + 'static) -> impl Stream<Item = String> + Send + 'static {
        let (sender, receiver) = mpsc::channel::<String>(Self::QUEUE_MAX);
        tokio::task::spawn_blocking(move || {
            let tell = |told: Told| {
                let line = serde_json::to_string(&told).map_err(drop)?;
                sender.blocking_send(line + "\n").map_err(drop)
            };
            let is_wanted = || !sender.is_closed();
            let found = self.run(is_wanted, |hit| match tell(Told::Hit(hit)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(()) => ControlFlow::Break(()),
            });
            // Nobody may be there any more.
            _ = tell(Told::Found(found));
            drop(held);
        });
        futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
    }

    fn in_log(
        &self,
        record: &JobRecord,
        until: Instant,
        is_wanted: &impl Fn() -> bool,
        tell: &mut impl FnMut(Hit) -> ControlFlow<()>,
    ) -> io::Result<Read> {
        let mut read = Read::default();
        let Some(mut log) = LogText::open(&self.store.log_path(&record.intent.job))? else { return Ok(read) };
        read.is_kept = true;
        let (mut lines, mut offset, mut text) = (0, 0, Vec::new());
        loop {
            let piece = log.read(offset, Self::PIECE_BYTES)?;
            offset += piece.len() as u64;
            text.extend_from_slice(&piece);
            let whole = match memchr::memrchr(b'\n', &text) {
                _ if piece.is_empty() => text.len(),
                None if text.len() >= Self::LINE_BYTES_MAX => text.len(),
                last => last.map_or(0, |last| last + 1),
            };
            for (line, shown) in self.in_lines(&text[..whole]) {
                let Intent { job, op, summary, .. } = record.intent.clone();
                read.hits += 1;
                read.is_enough = tell(Hit { job, op, summary, line: lines + line, text: shown }).is_break();
                if read.is_enough || read.hits == Self::HITS_OF_LOG {
                    return Ok(read);
                }
            }
            lines += memchr::memchr_iter(b'\n', &text[..whole]).count() as u64;
            text.drain(..whole);
            (read.is_enough, read.is_cut) = (!is_wanted(), until <= Instant::now());
            if piece.is_empty() {
                return Ok(Read { is_cut: false, ..read });
            }
            if read.is_enough || read.is_cut {
                return Ok(read);
            }
        }
    }

    /// The lines that hold it: their numbers, counted from 1, and what is shown of them.
    fn in_lines(&self, text: &[u8]) -> impl Iterator<Item = (u64, String)> {
        let (mut at, mut line) = (0, 1);
        std::iter::from_fn(move || {
            let found = self.regex.find_at(text, at).filter(|found| found.start() < text.len())?;
            let begin = memchr::memrchr(b'\n', &text[..found.start()]).map_or(0, |last| last + 1);
            let length = memchr::memchr(b'\n', &text[begin..]).unwrap_or(text.len() - begin);
            line += memchr::memchr_iter(b'\n', &text[at..begin]).count() as u64;
            let own = (line, shown(&text[begin..begin + length], found.start() - begin));
            at = text.len().min(begin + length + 1);
            line += 1;
            Some(own)
        })
    }
}

/// What was read of a log.
#[derive(Default)]
struct Read {
    is_kept: bool,
    hits: usize,
    /// Nobody wants more.
    is_enough: bool,
    /// It takes too long.
    is_cut: bool,
}

/// What is shown of a line in which something was found at a place.
fn shown(line: &[u8], at: usize) -> String {
    let from = at.saturating_sub(Search::SHOWN_BYTES);
    let to = line.len().min(at + Search::SHOWN_BYTES);
    String::from_utf8_lossy(&line[from..to]).trim_end_matches('\r').to_owned()
}

fn is_about(record: &JobRecord, about: &str) -> bool {
    let Intent { summary, key_fields, desired, .. } = &record.intent;
    let holds = |text: &str| text.to_lowercase().contains(about);
    holds(summary) || [key_fields, desired].iter().any(|json| holds(&json.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;
    use crate::ids::KeyDigest;
    use crate::store::record::Record;

    /// How long anything is waited for.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// More than is read in that time, and nothing on the disk.
    const ENDLESS_BYTES: u64 = 64 << 30;

    /// A search for what is not there, in a log that has no end, whose job is told.
    async fn endless() -> (TempDir, JobId, Search) {
        let state = TempDir::new().unwrap();
        let store = Store::open(state.path()).unwrap();
        let job: JobId = "2026-11-20/000001-build-000001".parse().unwrap();
        let intent = Intent {
            job: job.clone(),
            op: "build".to_owned(),
            key: KeyDigest::of(&json!(1)),
            key_fields: json!(1),
            desired: json!(1),
            summary: "build 1".to_owned(),
            attempt: 1,
            build: 0,
            renews: None,
            epoch: store.epoch(),
            queued_at_ms: 1,
            started_at_ms: 2,
        };
        store.append(Record::Intent(intent)).await.unwrap();
        let log = store.log_path(&job);
        std::fs::create_dir_all(log.parent().unwrap()).unwrap();
        std::fs::File::create(log).unwrap().set_len(ENDLESS_BYTES).unwrap();
        let query = Query { text: "x".to_owned(), ..Query::default() };
        (state, job, Search::new(store, query).unwrap())
    }

    #[tokio::test]
    async fn a_log_that_takes_too_long_is_left_and_that_is_told() {
        let (_state, job, mut search) = endless().await;
        search.takes_max = Duration::from_millis(50);
        let run = move || search.run(|| true, |hit| panic!("{hit:?}"));
        let found = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(run)).await;
        let found = found.expect("it ends").unwrap();
        assert_eq!(found, Found { until: Some(job), is_cut: true, logs: 1, ..Found::default() });
    }

    #[tokio::test]
    async fn who_listens_no_more_ends_it_in_the_middle_of_a_log() {
        let (_state, _, mut search) = endless().await;
        search.takes_max = 100 * PATIENCE;
        let (held, ended) = oneshot::channel::<()>();
        drop(search.lines(held));
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended.expect("it ends").unwrap_err();
    }
}
