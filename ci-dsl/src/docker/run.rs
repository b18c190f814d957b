//! `docker run`: a command in an image; exit code 0 is success.
//!
//! *submit → note where it runs → follow its output and wait → note how it ended → release.* Each note is durable
//! before the next step, so a process that dies anywhere in between leaves enough to go on:
//!
//! | died after | found | [`resume`] |
//! |---|---|---|
//! | submit | the work, by the job's name | follows it from the beginning |
//! | the first note | the work, and where in the log its output begins | follows it from where the log ends |
//! | the second note | how it ended | says so, and releases what is left |
//!
//! What can't be released then, since the executor is away, is [swept](super::Sweeper).
//!
//! From the first note to the end nothing but the work's output is added to the log: that is how the log's length
//! says how much of it was read.

use std::io;
use std::pin::pin;
use std::time::Duration;

use ci_core::executor::{Cause, Executor, Exit, Output, Work, WorkId};
use ci_core::job::LogReader;
use ci_core::secret::Masker;
use ci_core::{Failure, Job, OpError};
use futures::future::{BoxFuture, ready};
use futures::{FutureExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::tail::Tail;

/// How long the output may still take after the work ended.
pub const LOG_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long removing work may take whose end is known already.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs `work`, with its output in the job's log as it comes.
///
/// # Errors
///
/// [`ci_core::FailureKind::Permanent`] when it fails: the message names the exit code, or the limit of memory, time or a
/// file's size that it ran into, followed by the last lines of output. [`ci_core::FailureKind::Infrastructure`] when how it ended can't be known. A
/// cancelled job's work is stopped and removed first.
pub async fn run(executor: &dyn Executor, job: &Job, work: &Work) -> Result<(), OpError> {
    start(executor, job, work, &mut Discard).await.map(drop)
}

/// Goes on with the [`run`] of a process that died. `noted` is the newest note of this job. `None` means that nothing
/// of it is left: it was never submitted, or somebody removed it.
///
/// # Errors
///
/// Those of [`run`].
pub async fn resume(executor: &dyn Executor, job: &Job, noted: Option<&Json>) -> Result<Option<()>, OpError> {
    Ok(again(executor, job, noted, &mut Discard).await?.map(drop))
}

/// What is noted down about work.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Note {
    /// It runs, or ran.
    Running(Running),
    /// It ended, and gave this.
    Ended(Result<String, Failure>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Running {
    work: WorkId,
    /// The log's length, bytes, before the first byte of output.
    log_at: u64,
}

/// What the output is for, besides the log.
pub(super) trait Sink: Send {
    /// Whether it wants the output that an earlier process read, too.
    fn wants_all(&self) -> bool;
    /// The next piece.
    fn take(&mut self, output: &Output) -> Result<(), OpError>;
    /// The value when the work has succeeded. It is still there.
    fn value<'a>(
        &'a mut self,
        executor: &'a dyn Executor,
        work: &'a WorkId,
    ) -> BoxFuture<'a, Result<String, OpError>>;
}

struct Discard;

impl Sink for Discard {
    fn wants_all(&self) -> bool {
        false
    }

    fn take(&mut self, _: &Output) -> Result<(), OpError> {
        Ok(())
    }

    fn value<'a>(&'a mut self, _: &'a dyn Executor, _: &'a WorkId) -> BoxFuture<'a, Result<String, OpError>> {
        ready(Ok(String::new())).boxed()
    }
}

pub(super) async fn start(
    executor: &dyn Executor,
    job: &Job,
    work: &Work,
    sink: &mut dyn Sink,
) -> Result<String, OpError> {
    if let Some(stop) = job.cancel().is_requested() {
        return Err(stop);
    }
    // Not cancellable: what was submitted must be known, to be stopped.
    let id = executor.submit(job.id(), work).await?;
    follow(executor, job, id, sink).await
}

pub(super) async fn again(
    executor: &dyn Executor,
    job: &Job,
    noted: Option<&Json>,
    sink: &mut dyn Sink,
) -> Result<Option<String>, OpError> {
    let noted = noted.map(Note::deserialize).transpose().map_err(|error| {
        OpError::infrastructure("the note that says where the work runs can't be read").with_source(error)
    })?;
    if let Some(Note::Ended(result)) = noted {
        release_what_is_left(executor, job).await;
        return result.map(Some).map_err(|failure| {
            let error = OpError::new(failure.kind, failure.message);
            failure.hint.into_iter().fold(error, OpError::with_hint)
        });
    }
    let Some(id) = executor.adopt(job.id()).await? else { return Ok(None) };
    let value = match noted {
        Some(Note::Running(running)) => attend(executor, job, &running, sink).await?,
        _ => follow(executor, job, id, sink).await?,
    };
    Ok(Some(value))
}

/// Notes where it runs, then attends to it.
async fn follow(
    executor: &dyn Executor,
    job: &Job,
    work: WorkId,
    sink: &mut dyn Sink,
) -> Result<String, OpError> {
    let running = Running { work, log_at: log_len(job).await? };
    if let Err(error) = job.note(&Note::Running(running.clone())).await {
        release(executor, &running.work).await;
        return Err(error);
    }
    attend(executor, job, &running, sink).await
}

async fn attend(
    executor: &dyn Executor,
    job: &Job,
    running: &Running,
    sink: &mut dyn Sink,
) -> Result<String, OpError> {
    let id = &running.work;
    let mut reading = Reading::resumed(job, running, sink).await?;
    let result = match reading.until_exit(executor, id).await {
        Ok(exit) => match verdict(exit, reading.last_lines()) {
            Ok(()) => job.cancellable(reading.sink.value(executor, id)).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let is_final = result.as_ref().err().is_none_or(|error| error.kind() == ci_core::FailureKind::Permanent);
    if is_final {
        let ended = Note::Ended(result.as_ref().map(String::clone).map_err(Failure::from));
        if let Err(error) = job.note(&ended).await {
            // Nobody could say later how it ended: the work stays, and can be asked again.
            tracing::warn!(job = %job.id(), work = %id, %error, "the end of the work can't be noted");
            return result;
        }
    }
    release(executor, id).await;
    result
}

async fn release(executor: &dyn Executor, id: &WorkId) {
    if let Err(error) = executor.release(id).await {
        tracing::warn!(work = %id, %error, "work can't be removed; it is swept later");
    }
}

/// After a process died between noting the end and releasing. The value is known: it waits for no executor that is slow.
async fn release_what_is_left(executor: &dyn Executor, job: &Job) {
    let discarded = tokio::time::timeout(DISCARD_TIMEOUT, executor.discard(job.id())).await;
    let late = |_| Err(OpError::infrastructure(format!("not done after {DISCARD_TIMEOUT:?}")));
    if let Err(error) = discarded.unwrap_or_else(late) {
        tracing::warn!(job = %job.id(), %error, "ended work can't be removed; it is swept later");
    }
}

struct Reading<'a> {
    job: &'a Job,
    sink: &'a mut dyn Sink,
    /// Its last lines. Secrets are masked before lines are cut: nobody would know the rest of one.
    tail: Tail,
    masker: Masker,
    /// Where to read from, and what of it is in the log already, bytes.
    from: u64,
    in_log: u64,
}

impl<'a> Reading<'a> {
    /// What of an earlier process's log is read again for the last lines, bytes.
    const TAIL_BYTES: u64 = (Tail::LINES_MAX * Tail::LINE_BYTES_MAX) as u64;

    async fn resumed(job: &'a Job, running: &Running, sink: &'a mut dyn Sink) -> Result<Self, OpError> {
        let len = log_len(job).await?;
        let read = len.saturating_sub(running.log_at);
        let (mut tail, masker) = (Tail::default(), job.log().secrets().masker());
        if sink.wants_all() {
            return Ok(Self { job, sink, tail, masker, from: 0, in_log: read });
        }
        if read > 0 {
            let mut log = LogReader::of_finished(job.log().path(), len - read.min(Self::TAIL_BYTES));
            tail.push(&log.next().await.map_err(unreadable)?.unwrap_or_default());
        }
        Ok(Self { job, sink, tail, masker, from: read, in_log: 0 })
    }

    fn last_lines(&mut self) -> &Tail {
        self.tail.push(&self.masker.cut());
        &self.tail
    }

    fn take(&mut self, output: &Output) -> Result<(), OpError> {
        let skipped = usize::try_from(self.in_log).unwrap_or(usize::MAX).min(output.bytes.len());
        self.in_log -= skipped as u64;
        self.job.write(&output.bytes[skipped..]);
        self.tail.push(&self.masker.push(&output.bytes));
        self.sink.take(output)
    }

    /// Reads until the work has ended and everything is read. A cancelled job's work is stopped, and read to the end.
    async fn until_exit(&mut self, executor: &dyn Executor, id: &WorkId) -> Result<Exit, OpError> {
        let cancel = self.job.cancel().clone();
        let mut output = executor.logs(id, self.from);
        let mut reading = pin!(async {
            while let Some(piece) = output.next().await {
                self.take(&piece?)?;
            }
            Ok::<(), OpError>(())
        });
        let mut exit = pin!(executor.watch(id));
        let mut all_read = false;
        let ended = loop {
            tokio::select! {
                biased;
                stop = cancel.requested() => break Err(stop),
                read = &mut reading, if !all_read => {
                    read?;
                    all_read = true;
                }
                exit = &mut exit => break Ok(exit?),
            }
        };
        if ended.is_err()
            && let Err(error) = executor.cancel(id).await
        {
            tracing::warn!(work = %id, %error, "cancelled work can't be stopped");
            return ended;
        }
        if !all_read {
            let rest = tokio::time::timeout(LOG_DRAIN_TIMEOUT, reading).await;
            let late =
                || Err(OpError::infrastructure("the work ended, but its output can't be read to the end"));
            let rest = rest.unwrap_or_else(|_| late());
            // Whatever became of the output: who cancelled is told so.
            return ended.and_then(|exit| rest.map(|()| exit));
        }
        ended
    }
}

/// The exit code of what was killed: 128 + SIGKILL.
const KILLED: i64 = 128 + 9;

fn verdict(exit: Exit, tail: &Tail) -> Result<(), OpError> {
    if exit.is_success() {
        return Ok(());
    }
    let failure = OpError::permanent(format!("docker run: {exit}{tail}"));
    Err(match exit.cause {
        Cause::OutOfMemory(_) => failure.with_hint("raise the memory limit, or let it use less"),
        Cause::FileTooLarge(_) => failure.with_hint("raise the limit of a file's size, or let it write less"),
        Cause::TimedOut(_) => failure.with_hint("raise the time limit, or find out what it waits for"),
        // The engine knows that it was for memory only if the kernel's word comes before the end does.
        Cause::Exited if exit.code == KILLED => failure.with_hint(
            "something killed it; if that was for memory, raise the memory limit, or let it use less",
        ),
        Cause::Exited => failure,
    })
}

async fn log_len(job: &Job) -> Result<u64, OpError> {
    match tokio::fs::metadata(job.log().path()).await {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(error: io::Error) -> OpError {
    OpError::infrastructure(format!("the job's log can't be read: {error}")).with_source(error)
}
