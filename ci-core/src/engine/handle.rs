//! What the outside may ask of a running engine.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{Evaluation, NodeKind, NodeState, NodeView, Owner, Snapshot, StageView};
use crate::cache::{Guard, LiveJob, Refused, Reply, UnderWay};
use crate::current::{Counts, Pending, Tally};
use crate::event::{Event, Events, Phase};
use crate::ids::JobId;
use crate::job::LogReader;
use crate::level::Level;
use crate::log_rules::{LogRule, LogRules, RuleRefused};
use crate::logs::InUse;
use crate::pool::Pool;
use crate::store::{JobFilter, Store};

/// The state of the whole pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Done, or why not.
    pub outcome: Result<(), Pending>,
    /// How many values are there that may not hold any more: not read or made lately, or changed by somebody since.
    pub doubts: usize,
    /// Grows by one with each step of the engine. Questions are no steps: what was told of one step holds until the
    /// next.
    pub step: u64,
}

/// A running engine. Clones speak to the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: Events,
    pub(super) status: watch::Receiver<Status>,
    pub(super) tally: Tally,
    pub(super) done: Arc<watch::Sender<bool>>,
    pub(super) store: Store,
    pub(super) owner: Owner,
    pub(super) guard: Guard,
    pub(super) log_rules: LogRules,
    pub(super) evaluation: Arc<Mutex<Evaluation>>,
}

#[derive(Debug)]
pub(super) enum Command {
    Live(oneshot::Sender<Vec<LiveJob>>),
    UnderWay { job: JobId, reply: oneshot::Sender<Option<UnderWay>> },
    Stages(oneshot::Sender<Vec<StageView>>),
    Pools(oneshot::Sender<Vec<Pool>>),
    Follow { job: JobId, offset: u64, reply: oneshot::Sender<Option<LogReader>> },
    Approve { job: JobId, by: String, reply: Reply },
    Cancel { job: JobId, by: String, reply: Reply },
    Rebuild { job: JobId, serves: bool, by: String, reply: Reply<Option<JobId>> },
    Snapshot(oneshot::Sender<Arc<Snapshot>>),
    Stop,
}

/// A job, under way or over.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct JobView {
    /// Its name.
    pub id: JobId,
    /// Its operation.
    pub op: String,
    /// What it does, for people.
    pub summary: String,
    /// `queued`, `running`, `ok`, `failed: …`, for people.
    pub state: String,
    /// Whether it is over.
    pub over: bool,
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// Unix milliseconds.
    pub finished_at_ms: Option<u64>,
}

impl Handle {
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The state of the whole pipeline, now and when it changes. Before the first step it is running.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// How many operations and monitors stand how. Costs nothing, and does not ask the engine.
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Whose the things are that its jobs have on the outside.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// A value from the [store](Handle::store) as it may be told: no text in it tells a secret.
    pub fn told(&self, value: Json) -> Json {
        self.events.told(value)
    }

    /// Results and records, as they are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The newest jobs, those under way first, at most `limit`.
    pub async fn jobs(&self, limit: usize) -> Vec<JobView> {
        let live = self.live().await;
        let known: std::collections::HashSet<_> = live.iter().map(|job| job.id.clone()).collect();
        let store = self.store.clone();
        let stored = tokio::task::spawn_blocking(move || store.jobs(&JobFilter::default(), limit)).await;
        let stored = stored.unwrap_or_default().into_iter().filter(|job| !known.contains(&job.intent.job));
        let mut jobs: Vec<_> = live.into_iter().map(JobView::from).chain(stored.map(JobView::from)).collect();
        jobs.truncate(limit);
        jobs
    }

    /// The jobs under way or waiting to be tried again, newest first.
    pub async fn live(&self) -> Vec<LiveJob> {
        self.ask(Command::Live).await.unwrap_or_default()
    }

    /// The jobs that have begun, now or in an earlier process, and are not over: what they have on the outside is in use.
    /// `None`, when that can't be told: the engine has stopped.
    pub async fn unfinished(&self) -> Option<Vec<JobId>> {
        let store = self.store.clone();
        let begun = tokio::task::spawn_blocking(move || store.open_intents()).await.ok()?;
        // A store knows of no job when it is closed, which it is after the engine's last answer.
        let live = self.ask(Command::Live).await?;
        Some(
            begun.into_iter().map(|open| open.intent.job).chain(live.into_iter().map(|job| job.id)).collect(),
        )
    }

    /// A job under way or waiting to be tried again; `None` if it is done with, or there is none.
    pub async fn under_way(&self, job: JobId) -> Option<UnderWay> {
        self.ask(|reply| Command::UnderWay { job, reply }).await.flatten()
    }

    /// Whether there is such a job, under way or recorded.
    pub async fn knows(&self, job: JobId) -> bool {
        let live = self.live().await;
        let store = self.store.clone();
        live.iter().any(|known| known.id == job)
            || tokio::task::spawn_blocking(move || store.job(&job).is_some()).await.unwrap_or(false)
    }

    /// A reader of a job's log, from `offset` on. It follows while the job is under way. `None`: there is no such log.
    pub async fn follow(&self, job: JobId, offset: u64) -> Option<LogReader> {
        self.ask(|reply| Command::Follow { job, offset, reply }).await.flatten()
    }

    /// The jobs whose logs are to stay, and whether those are all: while something is under way, or a monitor was not read
    /// since the start, the pipeline may be about more than it asks for yet. `None`: the engine has stopped.
    pub async fn logs_in_use(&self) -> Option<(InUse, bool)> {
        // In this order: what begins in between is recent.
        let (snapshot, stages, live) = (self.snapshot().await, self.stages().await, self.live().await);
        let is_settled = |node: &NodeView| match node.state {
            NodeState::Ok => true,
            NodeState::Active { .. } | NodeState::Waiting { .. } => false,
            NodeState::Failed { .. } | NodeState::Blocked { .. } => node.kind != NodeKind::Monitor,
        };
        if snapshot.nodes.is_empty() {
            return None;
        }
        let is_whole = snapshot.nodes.iter().all(is_settled);
        let store = self.store.clone();
        let found = move || {
            let results = stages.iter().flat_map(|stage| {
                let asked = stage.asked.as_ref().map(|asked| &asked.key);
                let keys = asked.into_iter().chain(stage.place.as_ref().map(|place| &place.key));
                let results = keys.filter_map(|key| store.result(&stage.op, key));
                results.map(|result| result.intent.job).chain(stage.job.clone()).collect::<Vec<_>>()
            });
            let cut = store.open_intents().into_iter().map(|open| open.intent.job);
            InUse::new(live.into_iter().map(|job| job.id).chain(cut), results)
        };
        Some((tokio::task::spawn_blocking(found).await.ok()?, is_whole))
    }

    /// Lets a job start although its level is guarded. `by` says who. Returns when that is durable.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn approve(&self, job: JobId, by: &str) -> Result<(), Refused> {
        let by = by.to_owned();
        self.ask(|reply| Command::Approve { job, by, reply }).await.unwrap_or(Err(Refused::Stopping))
    }

    /// Asks a job to stop, or a failed one not to be tried again. `by` says who.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn cancel(&self, job: JobId, by: &str) -> Result<(), Refused> {
        let by = by.to_owned();
        self.ask(|reply| Command::Cancel { job, by, reply }).await.unwrap_or(Err(Refused::Stopping))
    }

    /// Runs a job's operation again. Its value, if it has one, serves until the new one is there: if that is equal, nothing
    /// that depends on it moves, and if there is none, the old one stays, in doubt. `by` says who. Returns, when it is
    /// durable, the job that does it; `None`: nobody wants that now, and it runs when somebody does.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn rebuild(&self, job: JobId, by: &str) -> Result<Option<JobId>, Refused> {
        self.run_again(job, true, by).await
    }

    /// [`Handle::rebuild`], but nobody uses the old result any more: what depends on it waits for the new one, and fails if
    /// that does.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn discard(&self, job: JobId, by: &str) -> Result<Option<JobId>, Refused> {
        self.run_again(job, false, by).await
    }

    async fn run_again(&self, job: JobId, serves: bool, by: &str) -> Result<Option<JobId>, Refused> {
        let by = by.to_owned();
        let command = |reply| Command::Rebuild { job, serves, by, reply };
        self.ask(command).await.unwrap_or(Err(Refused::Stopping))
    }

    /// The confirmation level, now and whenever somebody sets it, be it to what it was.
    pub fn confirm(&self) -> watch::Receiver<Option<Level>> {
        self.guard.subscribe()
    }

    /// Changes the confirmation level. It holds for every job that has not been let in when this returns.
    pub fn set_confirm(&self, level: Option<Level>) {
        self.guard.set(level);
    }

    /// The log rules that count, the highest score first, of equals by pattern.
    pub fn log_rules(&self) -> Vec<LogRule> {
        self.log_rules.in_force().to_vec()
    }

    /// Adds a log rule, in the place of the one that has its pattern, which is returned. It is durable then, and holds for
    /// each job that fails from now on.
    ///
    /// # Errors
    ///
    /// [`RuleRefused`]; all is as before then.
    pub async fn add_log_rule(&self, rule: LogRule) -> Result<Option<LogRule>, RuleRefused> {
        self.change_log_rules(move |rules| rules.add(rule)).await
    }

    /// Removes the log rule of that pattern, durably, and returns it.
    ///
    /// # Errors
    ///
    /// [`RuleRefused`]: there is none, it comes with the program, or it can't be written down.
    pub async fn remove_log_rule(&self, pattern: &str) -> Result<LogRule, RuleRefused> {
        let pattern = pattern.to_owned();
        self.change_log_rules(move |rules| rules.remove(&pattern)).await
    }

    async fn change_log_rules<T: Send + 'static>(
        &self,
        change: impl FnOnce(&LogRules) -> Result<T, RuleRefused> + Send + 'static,
    ) -> Result<T, RuleRefused> {
        let rules = self.log_rules.clone();
        let changed = tokio::task::spawn_blocking(move || change(&rules)).await;
        // It does not panic, so the runtime is going down.
        changed.unwrap_or(Err(RuleRefused::Stopping))
    }

    /// How much the engine has worked since its start, up to its newest step.
    pub fn evaluation(&self) -> Evaluation {
        *self.evaluation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every node with its state, as it is after all that was told until now. It is taken once for a step, however many
    /// ask. Empty if the engine has ended.
    pub async fn snapshot(&self) -> Arc<Snapshot> {
        self.ask(Command::Snapshot).await.unwrap_or_default()
    }

    /// Every operation of the pipeline, with what it asks for, in the order of [`Snapshot::nodes`].
    pub async fn stages(&self) -> Vec<StageView> {
        self.ask(Command::Stages).await.unwrap_or_default()
    }

    /// The pools in which operations of the pipeline run, each once, by name.
    pub async fn pools(&self) -> Vec<Pool> {
        self.ask(Command::Pools).await.unwrap_or_default()
    }

    /// Stops the engine: nothing new starts, running work ends where it is, the store is closed. What was running is
    /// found again by the next process, as after a crash. Returns when that is done.
    pub async fn stop(&self) {
        // It may have ended by itself, or be about to.
        let _ = self.commands.send(Command::Stop).await;
        self.ended().await;
    }

    /// Waits until the engine has ended: it was stopped, or its thread panicked, which [`Handle::status`] then tells.
    pub async fn ended(&self) {
        // The sender lives in `self`, so this can't fail.
        let _ = self.done.subscribe().wait_for(|done| *done).await;
    }
}

impl From<LiveJob> for JobView {
    fn from(job: LiveJob) -> Self {
        let state = match &job.phase {
            Phase::Queued => "queued".to_owned(),
            Phase::WaitingForConfirmation => "waiting for confirmation".to_owned(),
            Phase::WaitingForSlot { pool } => format!("waiting for a slot in {pool}"),
            Phase::WaitingForResource { lacks } => format!("waiting for {lacks}"),
            Phase::Running => "running".to_owned(),
            Phase::Resumed => "running (found again after a restart)".to_owned(),
            Phase::Succeeded { .. } => "ok".to_owned(),
            Phase::Failed { failure, retry_at_ms: None } => format!("{}: {}", failure.kind, failure.message),
            Phase::Failed { failure, retry_at_ms: Some(at) } => {
                let seconds = at.saturating_sub(crate::clock::now_ms()).div_ceil(1000);
                format!("tried again in {seconds} s ({}): {}", failure.kind, failure.message)
            }
        };
        let state = if job.attempt > 1 { format!("{state}, attempt {}", job.attempt) } else { state };
        Self {
            id: job.id,
            op: job.op,
            summary: job.summary,
            state,
            over: false,
            queued_at_ms: job.queued_at_ms,
            finished_at_ms: None,
        }
    }
}

impl From<crate::store::JobRecord> for JobView {
    fn from(job: crate::store::JobRecord) -> Self {
        let state = match &job.outcome {
            None => "cut by a restart".to_owned(),
            Some(outcome) => match &outcome.result {
                Ok(_) => "ok".to_owned(),
                Err(failure) => format!("failed ({}): {}", failure.kind, failure.message),
            },
        };
        Self {
            id: job.intent.job,
            op: job.intent.op,
            summary: job.intent.summary,
            state,
            over: job.outcome.is_some(),
            queued_at_ms: job.intent.queued_at_ms,
            finished_at_ms: job.outcome.map(|outcome| outcome.finished_at_ms),
        }
    }
}
