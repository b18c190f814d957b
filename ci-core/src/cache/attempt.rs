//! One attempt, from the queue to its durable outcome.
//!
//! *queued → waiting for confirmation → waiting for a slot → intent written → running → outcome written → told.* A slot
//! is not held while a person is waited for. Before the intent is durable nothing on the outside was touched, so an
//! attempt that ends there leaves no record; but a person's *no* does, since it is to stand after a restart. After
//! the intent, the attempt ends with an outcome in the journal, its log being on the disk before, or is found again by
//! the next process.
//!
//! *Found again.* An attempt that an earlier process began is looked for on the outside and followed to its end. If
//! nothing of it is there, and it is still wanted, it enters from the queue again. If nobody wants it, what a builder
//! left is removed.
//!
//! *An end that nobody knows.* A publisher that fails because the machinery did, after it noted something, has left
//! the world half-made. That is no outcome, and none is written: after a back-off it is gone on with from its newest
//! note, as after a restart, for as long as it takes; and nothing else is published in its place meanwhile. The same
//! holds for what is being found again, for builders too: an engine that does not answer after a restart says nothing
//! about the work that runs on it.
//!
//! *Nothing was touched.* An attempt that fails because the machinery did, before it noted anything, is no end either:
//! it steps back, waits, and enters again, under the same job and for as long as it takes. So a machinery that is down
//! over a weekend leaves one record, not one for each try. It makes way for a newer value at once, and is tried early
//! when the operation says that something [changed](crate::op::Publisher::changed).
//!
//! *Cancelled.* A person's cancel ends all retries. A builder's value that comes anyway does not count. What a
//! publisher did is done, whoever cancelled it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::leave::Leave;
use super::{Env, News, retry};
use crate::clock;
use crate::error::{Failure, FailureKind, OpError, said_by};
use crate::event::Phase;
use crate::ids::JobId;
use crate::job::{Cancel, HandleSink, Job, Log};
use crate::op::{Operation, Request, shared};
use crate::pool::{Lack, Priority, Slot};
use crate::signal::Signal;
use crate::store::record::{Handle, Intent, Outcome, Record};
use crate::store::{JobFilter, Store, StoreError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::runtime::{Handle as Runtime, RuntimeFlavor};

/// How long to wait before trying again to write an outcome that could not be written: nobody is told meanwhile.
const OUTCOME_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long removing what an attempt left outside may take. What is left then is left.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(60);

/// Where an attempt begins.
#[derive(Debug)]
pub(super) enum Start {
    /// In the queue.
    Queue,
    /// In the middle: an earlier process began it, and noted this last.
    Cut(Option<Json>),
}

pub(super) struct Run {
    pub(super) env: Arc<Env>,
    pub(super) generation: u64,
    pub(super) op: Arc<dyn Operation>,
    pub(super) request: Request,
    pub(super) job: JobId,
    pub(super) number: u32,
    /// See [`Intent::renews`].
    pub(super) renews: Option<JobId>,
    pub(super) queued_at_ms: u64,
    pub(super) cancel: Cancel,
    pub(super) priority: Priority,
    pub(super) approval: Arc<Signal<bool>>,
    pub(super) leave: Arc<Leave>,
    pub(super) log: Log,
    /// Its intent is durable.
    pub(super) recorded: AtomicBool,
}

impl Run {
    pub(super) async fn run_to_end(self, start: Start) {
        let ended = self.told(guarded(self.attempt(start)).await);
        let result = match Box::pin(self.end(ended)).await {
            Ok(value) => Ok(shared(value)),
            Err(error) => {
                tracing::info!(job = %self.job, kind = %error.kind(), source = ?std::error::Error::source(&error), "{error}");
                Err(Arc::new(Failure::from(&error)))
            }
        };
        self.log.finish();
        self.env.tell(self.generation, News::Ended(result)).await;
    }

    async fn attempt(&self, start: Start) -> Result<Json, OpError> {
        let notes = Arc::new(Notes { store: self.env.store.clone(), newest: Mutex::default() });
        let job = Job::new(self.job.clone(), self.log.clone(), self.cancel.clone(), notes.clone())
            .numbered(self.number, self.env.store.epoch());
        if let Start::Cut(handle) = start {
            notes.remember(handle);
            self.moved(Phase::Resumed).await;
            // Not a word in the log: what is found again may go on writing it from where it ends.
            tracing::info!(job = %self.job, "looking for what was begun before the restart");
            if let Some(value) = Box::pin(self.find_again(&job, &notes)).await? {
                return Ok(value);
            }
        }
        let mut last = None;
        for tries in 1.. {
            let error = match self.work_once(&job, &notes).await {
                Err(error) if error.kind() == FailureKind::Infrastructure && notes.newest().is_none() => {
                    error
                }
                result => return result,
            };
            let is_new = last.replace(error.to_string()) != Some(error.to_string());
            Box::pin(self.stand_back(&error, is_new, tries)).await?;
        }
        unreachable!("because nobody lives that long")
    }

    /// From the queue to an end.
    async fn work_once(&self, job: &Job, notes: &Notes) -> Result<Json, OpError> {
        let slot = self.enter(job).await?;
        match Box::pin(self.work(job, notes)).await {
            Err(error) if self.is_unsettled(&error, notes) => {
                drop(slot);
                Box::pin(self.settle(job, notes, error)).await
            }
            result => result,
        }
    }

    /// Waits out of the way until trying again may help.
    async fn stand_back(&self, error: &OpError, is_new: bool, tries: u32) -> Result<(), OpError> {
        self.leave.step_back();
        if !self.leave.is_wanted() {
            return Err(self.superseded());
        }
        if is_new {
            self.log.line(format_args!("Not done ({}): {error}", error.kind()));
            if let Some(hint) = error.hint() {
                self.log.line(format_args!("Hint: {hint}"));
            }
        }
        let pause = retry::endless(&self.env.pace, tries);
        let retry_at_ms = Some(clock::now_ms() + pause.as_millis() as u64);
        let hinted = async {
            // Not at once: what is heard first may be the operation's own doing.
            let least = tokio::time::sleep(self.env.pace.retry_min);
            if let (None, ()) = tokio::join!(self.op.changed(&self.request), least) {
                std::future::pending::<()>().await;
            }
        };
        self.log.rest();
        self.moved(Phase::Failed { failure: error.into(), retry_at_ms }).await;
        tokio::select! {
            biased;
            stop = self.cancel.requested() => Err(stop),
            () = tokio::time::sleep(pause) => Ok(()),
            () = hinted => Ok(()),
        }
    }

    /// From the queue to where the world may be touched.
    async fn enter(&self, job: &Job) -> Result<Option<Slot>, OpError> {
        if !self.recorded.load(Ordering::Relaxed) {
            job.say(format_args!("{}: {}", self.op.id(), self.request.summary));
        }
        let priority = Box::pin(self.confirmed(job)).await?;
        let slot = self.slot(job, priority).await?;
        if let Some(error) = self.cancel.is_requested() {
            return Err(error);
        }
        if !self.leave.begin() {
            return Err(self.superseded());
        }
        if !self.recorded.load(Ordering::Relaxed) {
            Box::pin(self.record_intent()).await?;
        }
        self.moved(Phase::Running).await;
        Ok(slot)
    }

    /// Returns when it may go on, and how soon it should: whom a person has let in, a person waits for.
    async fn confirmed(&self, job: &Job) -> Result<Priority, OpError> {
        let level = self.op.level(&self.request);
        if !self.env.guard.holds(level) {
            return Ok(self.priority);
        }
        if self.is_approved() {
            return Ok(Priority::High);
        }
        job.say(format_args!("Waiting for confirmation: this job is {level}"));
        self.log.rest();
        self.moved(Phase::WaitingForConfirmation).await;
        tokio::select! {
            biased;
            error = self.cancel.requested() => return Err(error),
            () = self.approval.wait_for(|approved| approved.then_some(())) => return Ok(Priority::High),
            now = self.env.guard.lets_through(level) => match now {
                Some(now) => {
                    job.say(format_args!("Jobs wait for confirmation from {now} on now: this one goes on"))
                }
                None => job.say("Nothing waits for confirmation now: this goes on"),
            },
        }
        Ok(self.priority)
    }

    async fn slot(&self, job: &Job, priority: Priority) -> Result<Option<Slot>, OpError> {
        let Some(pool) = self.op.pool() else { return Ok(None) };
        let ask = self.op.ask(&self.request, priority);
        // Only the newest is of interest.
        let lacks = Signal::new(None);
        let tell = |lack| lacks.update(|newest| *newest = Some(lack));
        let mut slot = pin!(pool.acquire(&ask, &tell));
        let mut said = None;
        loop {
            let lack = tokio::select! {
                biased;
                stop = self.cancel.requested() => return Err(stop),
                slot = &mut slot => return Ok(Some(slot)),
                lack = lacks.wait_for(Option::take) => lack,
            };
            // How much there is changes all the time: that is told, and does not fill the log.
            let is_new = said.as_ref().is_none_or(|said| !lack.is_of(said));
            let (waits_for, phase) = match &lack {
                Lack::Slots => {
                    let name = pool.name().to_owned();
                    (format!("one of {} slots in {name}", pool.size()), Phase::WaitingForSlot { pool: name })
                }
                Lack::Resource { name, what } => {
                    let lacks = format!("{name}: {what}");
                    (lacks.clone(), Phase::WaitingForResource { lacks })
                }
            };
            if is_new {
                job.say(format_args!("Waiting for {waits_for}"));
                self.log.rest();
                said = Some(lack);
            }
            self.moved(phase).await;
        }
    }

    /// An approval is for one run, however often the program is restarted before it: a result that is younger has used
    /// it up.
    fn is_approved(&self) -> bool {
        let (op, key, desired) = (self.op.id().as_str(), &self.request.key, &self.request.desired);
        self.approval.look(|approved| *approved) || self.env.store.has_unused_approval(op, key, desired)
    }

    /// Writes down that the world is about to be touched.
    async fn record_intent(&self) -> Result<(), OpError> {
        let (op, key) = (self.op.id().to_string(), self.request.key);
        let of_key = JobFilter { op: Some(op.clone()), key: Some(key), ..JobFilter::default() };
        let newest = self.env.store.jobs(&of_key, 1);
        let intent = Intent {
            job: self.job.clone(),
            op,
            key,
            key_fields: self.request.key_fields.json(),
            desired: self.request.desired_fields.json(),
            summary: self.request.summary.to_string(),
            attempt: self.number,
            build: newest.first().map_or(0, |newest| newest.intent.build) + 1,
            renews: self.renews.clone(),
            epoch: self.env.store.epoch(),
            queued_at_ms: self.queued_at_ms,
            started_at_ms: self.env.clock.now_ms(),
        };
        match self.env.store.append(Record::Intent(intent)).await {
            Ok(_) | Err(StoreError::Unseen(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.recorded.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn work(&self, job: &Job, notes: &Notes) -> Result<Json, OpError> {
        self.timed(job, notes, self.op.run(job, &self.request)).await
    }

    async fn find(&self, job: &Job, notes: &Notes) -> Result<Option<Json>, OpError> {
        self.timed(job, notes, self.op.resume(job, &self.request, notes.newest())).await
    }

    /// The failure says nothing of how the world was left.
    fn is_unsettled(&self, error: &OpError, notes: &Notes) -> bool {
        self.op.is_continued() && error.kind().is_retried() && notes.newest().is_some()
    }

    /// Brings a change that the machinery left half-made to its end. If nothing of it was made, `error` is all there is.
    async fn settle(&self, job: &Job, notes: &Notes, mut error: OpError) -> Result<Json, OpError> {
        for tries in 1.. {
            self.pause(&error, retry::endless(&self.env.pace, tries)).await;
            error = match self.find(job, notes).await {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => break,
                Err(error) if error.kind().is_retried() => error,
                Err(error) => return Err(error),
            };
        }
        notes.remember(None);
        Err(error)
    }

    /// Finds what an earlier process began, and follows it to its end. `None`: nothing is left of it.
    async fn find_again(&self, job: &Job, notes: &Notes) -> Result<Option<Json>, OpError> {
        // It runs already.
        let slot = self.op.pool().map(|pool| pool.take_over(&self.op.ask(&self.request, self.priority)));
        let mut tries = 0;
        loop {
            if !self.op.is_continued() && !self.leave.is_wanted() {
                job.say("The deployer was restarted, and nobody needs this any more");
                self.abandon(job, notes).await?;
                return Err(self.superseded());
            }
            let error = match self.find(job, notes).await {
                Ok(Some(value)) => return Ok(Some(value)),
                Ok(None) => break,
                Err(error) => error,
            };
            tries += 1;
            let pause = match self.is_unsettled(&error, notes) {
                true => Some(retry::endless(&self.env.pace, tries)),
                false => retry::delay(&self.env.pace, error.kind(), tries, tries),
            };
            let Some(pause) = pause else { return Err(error) };
            self.pause(&error, pause).await;
            if let (Some(stop), false) = (self.cancel.is_requested(), self.op.is_continued()) {
                self.abandon(job, notes).await?;
                return Err(stop);
            }
        }
        self.leave.step_back();
        drop(slot);
        if !self.leave.is_wanted() {
            return Err(self.superseded());
        }
        notes.remember(None);
        job.say("The deployer was restarted, and nothing was left of this: running it again");
        Ok(None)
    }

    /// Waits, unless a person does not want it to: that is then told to the operation, which takes back what it did.
    async fn pause(&self, error: &OpError, pause: Duration) {
        match self.op.is_continued() {
            true => {
                self.log.line(format_args!("{error}"));
                self.log.line("How it ends is not known: looking again soon");
            }
            // What is found again goes on writing where its log ends.
            false => tracing::info!(job = %self.job, %error, "how it ends is not known: looking again soon"),
        }
        let retry_at_ms = Some(clock::now_ms() + pause.as_millis() as u64);
        // Before anybody hears of the pause: who cancels it then is heard below.
        let told = self.cancel.is_requested().is_some();
        self.log.rest();
        self.moved(Phase::Failed { failure: error.into(), retry_at_ms }).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.cancel.requested(), if !told => {}
        }
        self.moved(Phase::Resumed).await;
    }

    /// Says that nobody wants it, unless somebody said more before.
    fn superseded(&self) -> OpError {
        self.cancel.supersede("nobody needs this value any more");
        self.cancel.is_requested().expect("because it was just asked to stop")
    }

    /// Runs one piece of the operation. A builder that does not stop when it is asked to is dropped; a publisher never
    /// is, since a half-made change has to be taken back.
    async fn timed<T>(
        &self,
        job: &Job,
        notes: &Notes,
        work: BoxFuture<'_, Result<T, OpError>>,
    ) -> Result<T, OpError> {
        let (timeout, is_publisher) = (self.op.timeout(&self.request), self.op.is_continued());
        let ended = tokio::select! {
            biased;
            result = guarded(work) => return self.told(result),
            error = self.stopped_late(), if !is_publisher => error,
            () = tokio::time::sleep(timeout) => {
                let message = format!("{} took longer than {timeout:?}", self.request.summary);
                match is_publisher && notes.newest().is_some() {
                    true => return Err(OpError::infrastructure(message)),
                    false => OpError::permanent(message)
                        .with_hint("rebuild it, or give the operation more time"),
                }
            }
        };
        if !is_publisher && let Err(error) = self.abandon(job, notes).await {
            job.say(format_args!("What it left could not be removed: {error}"));
        }
        Err(ended)
    }

    /// Asked to stop, and not stopped by itself.
    async fn stopped_late(&self) -> OpError {
        let error = self.cancel.requested().await;
        tokio::time::sleep(self.env.pace.cancel_grace).await;
        error
    }

    async fn abandon(&self, job: &Job, notes: &Notes) -> Result<(), OpError> {
        let abandoned = guarded(self.op.abandon(job, &self.request, notes.newest()));
        tokio::time::timeout(ABANDON_TIMEOUT, abandoned).await.unwrap_or_else(|_| {
            Err(OpError::infrastructure(format!(
                "removing what it left took longer than {ABANDON_TIMEOUT:?}"
            )))
        })
    }

    /// Writes down how it ended. Nobody is told before that is durable.
    async fn end(&self, result: Result<Json, OpError>) -> Result<Json, OpError> {
        let error = match self.judged(result) {
            Ok(value) => {
                self.keep_log();
                match record_outcome(&self.env, &self.job, Ok(value.clone())).await {
                    Ok(()) => return Ok(value),
                    // The store failed, not the work: its log has nothing to say of that.
                    Err(error) => self.said_as_it_is(OpError::from(error)),
                }
            }
            Err(error) => self.explained(self.said_as_it_is(error)).await,
        };
        let is_no = error.kind() == FailureKind::Cancelled;
        if !self.recorded.load(Ordering::Relaxed) && (!is_no || self.record_intent().await.is_err()) {
            return Err(error); // nothing was touched, and there is nothing to remember
        }
        self.keep_log();
        // What can't even be recorded as failed is still told: it is no success.
        let _ = record_outcome(&self.env, &self.job, Err(Failure::from(&error))).await;
        Err(error)
    }

    /// Before its outcome is durable the log is: nobody is sent to a log that a power cut has emptied. If that can't be, it
    /// changes nothing: a log is no reason to do work again.
    fn keep_log(&self) {
        let keep = || {
            self.log.settle();
            self.env.store.keep_log(&self.job)
        };
        let kept = match Runtime::current().runtime_flavor() {
            // Others do not wait for this disk.
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(keep),
            _ => keep(),
        };
        if let Err(error) = kept {
            tracing::warn!(job = %self.job, %error, "a power cut may take of this job's log");
        }
    }

    /// Tells the reader of the log.
    fn said_as_it_is(&self, error: OpError) -> OpError {
        self.log.line(format_args!("Failed ({}): {error}", error.kind()));
        if let Some(hint) = error.hint() {
            self.log.line(format_args!("Hint: {hint}"));
        }
        error
    }

    /// The failure in the words of the log rule that knows it, if one does. What the operation said is in the log.
    async fn explained(&self, error: OpError) -> OpError {
        let is_of_the_work = error.kind().is_retried() || error.kind() == FailureKind::Permanent;
        if !is_of_the_work {
            return error;
        }
        let error = match self.env.log_rules.ask(&self.log, self.env.pace.log_rules).await {
            None => error,
            Some(hit) => {
                let (pattern, score) = (hit.rule.pattern(), hit.rule.score());
                self.log.line(format_args!("Log rule `{pattern}` (score {score}): {}", hit.report));
                match hit.report.is_empty() {
                    true => error, // of all that it was to say nothing was there
                    false => error.in_other_words(hit.report),
                }
            }
        };
        // A person may have said no while the log was read.
        match self.judged(Err(error)) {
            Err(no) if no.kind() == FailureKind::Cancelled => self.said_as_it_is(no),
            Err(error) => error,
            Ok(_) => unreachable!("because a failure is never judged to be a value"),
        }
    }

    /// The result, in the light of a person's cancel.
    fn judged(&self, result: Result<Json, OpError>) -> Result<Json, OpError> {
        let Some(no) = self.cancel.is_requested().filter(|error| error.kind() == FailureKind::Cancelled)
        else {
            return result;
        };
        match result {
            Ok(_) if !self.op.is_continued() => Err(no),
            Err(error) if error.kind().is_retried() || error.kind() == FailureKind::Superseded => {
                self.log.line(format_args!("{error}"));
                Err(no)
            }
            result => result,
        }
    }

    /// What an operation says may hold what a program said to it: nobody is told secrets by it.
    fn told<T>(&self, result: Result<T, OpError>) -> Result<T, OpError> {
        result.map_err(|error| self.env.secrets.error(error))
    }

    /// In a box of its own: what tells is large, and a hundred thousand may wait meanwhile.
    fn moved(&self, phase: Phase) -> BoxFuture<'_, ()> {
        self.env.tell(self.generation, News::Moved(phase)).boxed()
    }
}

/// Writes an outcome, for as long as it takes: nobody may be told before. Only an outcome that can never be written
/// is given up.
async fn record_outcome(env: &Env, job: &JobId, result: Result<Json, Failure>) -> Result<(), StoreError> {
    let store = &env.store;
    loop {
        let outcome = Outcome {
            job: job.clone(),
            epoch: store.epoch(),
            finished_at_ms: env.clock.now_ms(),
            result: result.clone(),
        };
        match store.append(Record::Outcome(outcome)).await {
            Ok(_) | Err(StoreError::Unseen(_)) => return Ok(()),
            Err(error @ (StoreError::Refused(_) | StoreError::Unstorable { .. } | StoreError::Closed)) => {
                tracing::error!(%job, %error, "an outcome was refused");
                return Err(error);
            }
            Err(error) => {
                tracing::error!(%job, %error, "an outcome can't be written yet: trying again");
                tokio::time::sleep(OUTCOME_RETRY_DELAY).await;
            }
        }
    }
}

/// Runs an operation's future; a panic in it is its failure.
pub(super) fn guarded<T>(
    work: impl Future<Output = Result<T, OpError>>,
) -> impl Future<Output = Result<T, OpError>> {
    // No function that is async: those hold what they are given twice.
    AssertUnwindSafe(work).catch_unwind().map(|ended| {
        ended.unwrap_or_else(|panic| {
            Err(OpError::permanent(format!("the operation panicked: {}", said_by(&*panic)))
                .with_hint("this is a bug of the operation"))
        })
    })
}

/// Writes a job's handles to the journal, and remembers the newest.
struct Notes {
    store: Store,
    newest: Mutex<Option<Json>>,
}

impl Notes {
    fn newest(&self) -> Option<Json> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        newest.filter(|note| !note.is_null())
    }

    fn remember(&self, handle: Option<Json>) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }
}

impl HandleSink for Notes {
    fn record(&self, job: &JobId, handle: Json) -> BoxFuture<'_, Result<(), OpError>> {
        let written = self.store.append(Record::Handle(Handle { job: job.clone(), handle: handle.clone() }));
        async move {
            match written.await {
                Ok(_) | Err(StoreError::Unseen(_)) => {}
                // Nobody may go on from what a restart would not find.
                Err(error) => return Err(error.into()),
            }
            self.remember(Some(handle));
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::ids::OpId;
    use crate::store::{Disk, Options};

    #[derive(Default)]
    struct Filling(AtomicBool);

    impl Disk for Filling {
        fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
            match self.0.load(Ordering::Relaxed) {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => std::os::unix::fs::FileExt::write_at(file, bytes, offset),
            }
        }
    }

    #[tokio::test]
    async fn a_note_that_is_not_on_disk_is_no_note() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Filling::default());
        let store =
            Store::open_with(dir.path(), Options { disk: disk.clone(), ..Options::default() }).unwrap();
        let job = JobId::new(OpId::new("op"), 0, 0);
        let intent = Intent {
            job: job.clone(),
            op: "op".to_owned(),
            key: crate::ids::KeyDigest::of(&Json::Null),
            key_fields: Json::Null,
            desired: Json::Null,
            summary: String::new(),
            attempt: 1,
            build: 1,
            renews: None,
            epoch: store.epoch(),
            queued_at_ms: 0,
            started_at_ms: 0,
        };
        store.append(Record::Intent(intent)).await.unwrap();
        let notes = Notes { store, newest: Mutex::default() };
        notes.record(&job, Json::from(1)).await.unwrap();
        disk.0.store(true, Ordering::Relaxed);
        let error = notes.record(&job, Json::from(2)).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Infrastructure);
        assert_eq!(notes.newest(), Some(Json::from(1)));
    }
}
