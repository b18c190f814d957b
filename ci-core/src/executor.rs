//! Where work runs: one command in one image, under limits, found again after a crash.
//!
//! *submitted → running → ended → released.* An executor keeps what it was given, under the job's name, until it is
//! released: the process that submitted it may die at any moment, and the next one finds the work by
//! [`Executor::adopt`], reads its output from where the log ends, and learns its true exit. Work that nobody
//! releases stays; whoever owns the executor sweeps what belongs to no unfinished job.
//!
//! Work has no network. There is none that could be given to strangers' code without a rule in the host's firewall: in a
//! bridge, also in one that leads nowhere, the host has an address, by which everything is reached that listens on all of
//! them. What work needs from outside is put into its image.
//!
//! Races and their decisions:
//!
//! - *Submitting twice for one job* (a crash between submitting and noting down the id) gives the same work.
//! - *Cancelling what has ended* does nothing: the exit stays what it was.
//! - *Releasing what is gone* does nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::error::OpError;
use crate::ids::JobId;

/// One command to run once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Work {
    /// What to run it in: an image id, or a reference by digest. It must be where the work runs already.
    pub image: String,
    /// The command and its arguments, handed to the image's entry point as they are: no shell reads them. Empty
    /// takes the image's own command.
    pub command: Vec<String>,
    /// Environment added to the image's.
    pub env: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
    /// 1 for the first try, then one more each time. Shown to people who look at the executor.
    pub attempt: u32,
    /// Of the process that submits it.
    pub epoch: u64,
}

/// What work may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, bytes, without swap beyond it.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub pids: u32,
    /// Thousandths of one CPU; `None` is no limit.
    pub milli_cpus: Option<u32>,
    /// The largest file, bytes: what writes beyond it is killed. How many files there are is not limited, since engines
    /// can't; they go with the work.
    pub file_bytes: u64,
    /// From its start to its end. Work that takes longer is stopped.
    pub timeout: Duration,
}

impl Default for Limits {
    /// 2 GiB, 1024 processes, every CPU, files of 8 GiB, one hour.
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            pids: 1024,
            milli_cpus: None,
            file_bytes: 8 << 30,
            timeout: Duration::from_secs(3600),
        }
    }
}

/// Names submitted work, to its executor only. It can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkId(String);

impl WorkId {
    /// Made by executors. One that is read back from disk may be anything: executors check it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The executor's own name for it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of its two outputs the work wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where it was written to.
    pub source: Source,
    /// Never empty.
    pub bytes: Vec<u8>,
}

/// How work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exit {
    /// The command's exit code; 128 + N when signal N killed it.
    pub code: i64,
    /// What ended it.
    pub cause: Cause,
}

/// What ended work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The command itself, or a signal.
    Exited,
    /// It failed after something in it was killed for using more memory than its limit, in bytes.
    OutOfMemory(u64),
    /// It wrote a file beyond this limit, in bytes, and was killed.
    FileTooLarge(u64),
    /// It ran longer than this limit and was stopped.
    TimedOut(Duration),
}

impl Exit {
    /// Whether it did what it was to do.
    pub fn is_success(&self) -> bool {
        self.code == 0 && self.cause == Cause::Exited
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::OutOfMemory(limit) => write!(f, "killed: out of memory (limit {} MiB)", limit >> 20),
            Cause::FileTooLarge(limit) => {
                write!(f, "killed: a file got too large (limit {} MiB)", limit >> 20)
            }
            Cause::TimedOut(limit) => write!(f, "stopped: timed out after {} s", limit.as_secs()),
            Cause::Exited => match self.code {
                129..=159 => write!(f, "exit code {} (signal {})", self.code, self.code - 128),
                code => write!(f, "exit code {code}"),
            },
        }
    }
}

/// A place where work runs. Every method may be called again after it failed, and by another process than the one
/// that submitted.
///
/// Dropping a future or a stream stops asking, never the work: only [`Executor::cancel`] and the work's own limits
/// end it.
pub trait Executor: fmt::Debug + Send + Sync + 'static {
    /// Starts `work` for `job`. A second call for the same job gives the work of the first.
    ///
    /// # Errors
    ///
    /// [`crate::FailureKind::Permanent`] when it can't be started as asked (no such image or command);
    /// [`crate::FailureKind::Infrastructure`] when the executor is not there.
    fn submit<'a>(&'a self, job: &'a JobId, work: &'a Work) -> BoxFuture<'a, Result<WorkId, OpError>>;

    /// Waits until it ends, and enforces its time limit meanwhile. For work that has ended it says how at once.
    ///
    /// # Errors
    ///
    /// [`crate::FailureKind::Infrastructure`] when that can't be known: the work was removed by others, the executor
    /// went away or took the work down with it.
    fn watch<'a>(&'a self, id: &'a WorkId) -> BoxFuture<'a, Result<Exit, OpError>>;

    /// Its output in the order it was kept, without the first `from` bytes (of both outputs together), until it
    /// ends. Two reads give the same bytes at the same offsets.
    ///
    /// # Errors
    ///
    /// The last item is the error, if reading fails for longer than the executor tries by itself.
    fn logs<'a>(&'a self, id: &'a WorkId, from: u64) -> BoxStream<'a, Result<Output, OpError>>;

    /// What is at `path` (absolute) in its file system: a tar whose first entry is that. To be asked after it has ended, and
    /// before it is released.
    ///
    /// # Errors
    ///
    /// The last item is the error; [`crate::FailureKind::Permanent`] when nothing is there.
    fn files<'a>(&'a self, id: &'a WorkId, path: &'a str) -> BoxStream<'a, Result<Bytes, OpError>>;

    /// Stops it: first asks, then kills. Returns when no process of it is left.
    ///
    /// # Errors
    ///
    /// When it may still run.
    fn cancel<'a>(&'a self, id: &'a WorkId) -> BoxFuture<'a, Result<(), OpError>>;

    /// Forgets it, with its output and its files; stops it without asking if it still runs.
    ///
    /// # Errors
    ///
    /// When it may still be there.
    fn release<'a>(&'a self, id: &'a WorkId) -> BoxFuture<'a, Result<(), OpError>>;

    /// Finds the work of a job that an earlier process submitted. What the executor itself has ended since, and nobody saw,
    /// is not found: it is to be submitted again. What was submitted and has not begun yet is begun.
    ///
    /// # Errors
    ///
    /// When the executor can't be asked, or can't begin it: nothing is left of it then, as after [`Executor::submit`].
    fn adopt<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Result<Option<WorkId>, OpError>>;

    /// Finds whatever was submitted for a job, by whom ever, and [releases](Executor::release) it. Nothing is begun for that.
    ///
    /// # Errors
    ///
    /// When it may still be there.
    fn discard<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Result<(), OpError>>;
}
