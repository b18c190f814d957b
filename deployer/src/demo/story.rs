//! What happens, told line by line, and compared with what should happen.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ci_core::JobId;
use ci_core::engine::Handle;
use ci_core::event::{Event, Phase, What};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::expect;
use super::site::Site;
use crate::run::Deployer;
use crate::terminal::{plain, say};
use crate::timeline::{Timeline, union};

/// How long one commit may take to go live before the demo calls it stuck.
const STUCK_AFTER: Duration = Duration::from_secs(180);
/// How long a task may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The port of the demo's web service.
const PORT: u16 = 8080;

/// One running deployer's story.
pub(super) struct Story {
    engine: Handle,
    events: Receiver<Event>,
    timeline: Timeline,
    /// When the commit that is told now was begun.
    began: Instant,
    /// Where the newest good version answers.
    address: Option<String>,
    /// Followers of job logs, ended with the story.
    followers: JoinSet<()>,
}

/// What became of a commit.
enum Ending {
    Live { revision: String, address: Option<String> },
    Failed { op: String, why: String },
}

impl Story {
    pub(super) fn new(deployer: &mut Deployer, timeline: Timeline) -> Self {
        let engine = deployer.engine().clone();
        Self {
            events: deployer.events(),
            engine,
            timeline,
            began: Instant::now(),
            address: None,
            followers: JoinSet::new(),
        }
    }

    /// Commits, and tells how it goes live. The answer of a task must hold `page`.
    pub(super) async fn goes_live(&mut self, site: &Site, message: &str, page: &str) -> anyhow::Result<()> {
        let commit = self.commit(site, message).await?;
        match self.ending().await? {
            Ending::Live { revision, address } => {
                expect(revision.ends_with(&commit), || format!("{revision} went live instead of {commit}"))?;
                self.address = address;
                self.ask(page).await?;
                self.tell_spans()
            }
            Ending::Failed { op, why } => bail!("{op} failed: {why}"),
        }
    }

    /// Commits, and tells how it fails. The old version must go on serving `page`.
    pub(super) async fn fails(&mut self, site: &Site, message: &str, page: &str) -> anyhow::Result<()> {
        self.commit(site, message).await?;
        match self.ending().await? {
            Ending::Live { revision, .. } => bail!("{revision} went live, although it can't be built"),
            Ending::Failed { op, why } => {
                expect(op == "docker-build", || format!("{op} failed instead of the build: {why}"))?;
                self.line("the commit failed, as it should; the old version goes on:");
                self.ask(page).await
            }
        }
    }

    /// Tells what happens until it is interrupted.
    pub(super) async fn goes_on(&mut self) -> anyhow::Result<()> {
        loop {
            let event = self.next().await?;
            if let What::Read { .. } = event.what {
                self.began = Instant::now();
            }
            if let Some(Ending::Live { address, .. }) = self.tell(event) {
                self.address = address;
                if let Err(error) = self.ask("").await {
                    self.line(format_args!("no answer: {error:#}"));
                }
            }
        }
    }

    async fn commit(&mut self, site: &Site, message: &str) -> anyhow::Result<String> {
        say("");
        self.began = Instant::now();
        let commit = site.commit(message).await?;
        self.line(format_args!("git commit -m {message:?}  → {}", &commit[..8.min(commit.len())]));
        Ok(commit)
    }

    async fn ending(&mut self) -> anyhow::Result<Ending> {
        let told = async {
            loop {
                let event = self.next().await?;
                if let Some(ending) = self.tell(event) {
                    return Ok(ending);
                }
            }
        };
        tokio::time::timeout(STUCK_AFTER, told)
            .await
            .unwrap_or_else(|_| bail!("nothing came of it within {} s", STUCK_AFTER.as_secs()))
    }

    async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            match self.events.recv().await {
                Ok(event) => return Ok(event),
                Err(RecvError::Lagged(missed)) => self.line(format_args!("({missed} events were missed)")),
                Err(RecvError::Closed) => bail!("the engine ended"),
            }
        }
    }

    /// Tells one event. Answers with the commit's ending, if this is it.
    fn tell(&mut self, event: Event) -> Option<Ending> {
        let (job, op, summary, phase) = match event.what {
            What::Read { value, .. } => {
                self.line(format_args!("commit seen: {}", plain(&value)));
                return None;
            }
            What::ReadFailed { failure, .. } => {
                self.line(plain(&failure.to_string()));
                return None;
            }
            What::Reused { .. } | What::Drift { drift: None, .. } => return None,
            What::Drift { drift: Some(drift), .. } => {
                self.line(plain(&drift.to_string()));
                return None;
            }
            What::Job { job, op, summary, phase } => (job, op.as_str(), plain(&summary), phase),
        };
        match phase {
            Phase::Running | Phase::Resumed => {
                self.line(format_args!("{op} {summary}"));
                self.follow(job);
                None
            }
            Phase::Succeeded { value } => {
                let what = match op {
                    "docker-build" => format!("built {}", value["id"].as_str().unwrap_or_default()),
                    "docker-push" => format!("pushed {}", value["image"].as_str().unwrap_or_default()),
                    "docker-service" => format!(
                        "the service runs {}",
                        value["evidence"]["image"].as_str().unwrap_or_default()
                    ),
                    _ => format!("{op} done"),
                };
                self.line(plain(&what));
                (op == "docker-service").then(|| Ending::Live {
                    revision: value["revision"].as_str().unwrap_or_default().to_owned(),
                    address: value["evidence"]["tasks"][0]["address"].as_str().map(str::to_owned),
                })
            }
            Phase::Failed { failure, retry_at_ms: Some(_) } => {
                self.line(format_args!("{op}: {}; it is tried again", plain(&failure.to_string())));
                None
            }
            Phase::Failed { failure, retry_at_ms: None } => {
                let why = plain(&failure.to_string());
                self.line(format_args!("{op} FAILED: {why}"));
                Some(Ending::Failed { op: op.to_owned(), why })
            }
            Phase::Queued
            | Phase::WaitingForConfirmation
            | Phase::WaitingForSlot { .. }
            | Phase::WaitingForResource { .. } => None,
        }
    }

    fn line(&self, what: impl std::fmt::Display) {
        say(format_args!("{:>8.3} s  {what}", self.began.elapsed().as_secs_f64()));
    }

    /// Shows a job's own output below its line.
    fn follow(&mut self, job: JobId) {
        let engine = self.engine.clone();
        self.followers.spawn(async move {
            let Some(mut log) = engine.follow(job, 0).await else { return };
            let mut rest = Vec::new();
            while let Ok(Some(chunk)) = log.next().await {
                rest.extend_from_slice(&chunk);
                while let Some(end) = rest.iter().position(|b| *b == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line);
                    // A progress bar that was drawn over: only its last state is news here.
                    let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
                    say(format_args!("            │ {}", plain(line.trim_end())));
                }
            }
        });
    }

    /// Asks a task of the newest good version, at its own address.
    async fn ask(&self, page: &str) -> anyhow::Result<()> {
        let address = self.address.as_deref().context("the service's task has no address of its own")?;
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
        let answer = client.get(format!("http://{address}:{PORT}/")).send().await?.error_for_status()?;
        let text = answer.text().await?;
        self.line(format_args!("the task at {address} answers: {}", plain(text.trim())));
        expect(text.contains(page), || format!("the task answers {text:?}, which does not hold {page:?}"))
    }

    /// Where the time went between the commit and the call that changed the service.
    fn tell_spans(&self) -> anyhow::Result<()> {
        let all = self.timeline.within(self.began, Instant::now());
        let changed = all.iter().find(|span| {
            span.what.starts_with("POST /services/create")
                || (span.what.starts_with("POST /services/") && span.what.contains("/update"))
        });
        let changed = changed.context("no call that changed the service was seen")?;
        let (total, spans) = (changed.from - self.began, self.timeline.within(self.began, changed.from));
        let outside = union(&spans);
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        say("");
        say(format_args!("{:>10}  from the commit to the call that changed the service", "ms"));
        for span in &spans {
            say(format_args!("{:>10.1}  {} {}", ms(span.to - span.from), span.kind, plain(&span.what)));
        }
        say(format_args!("{:>10.1}  in child processes and calls, overlaps counted once", ms(outside)));
        say(format_args!(
            "{:>10.1}  the deployer's own share, journal syncs included",
            ms(total.saturating_sub(outside))
        ));
        say(format_args!("{:>10.1}  in all", ms(total)));
        Ok(())
    }
}
