//! Which records may follow which: what an attempt may still say, and who may say it.
//!
//! An attempt is *open* from its intent to its outcome, and has one outcome. An intent for a key that has an open
//! attempt takes its place (after a crash, a build is simply started again): the older one ends there and then as
//! superseded, and what it says later is refused. A record of an epoch before the newest comes from a process that
//! lost the store and did not notice; it is refused, while a new process may well end an attempt of an old epoch,
//! speaking in its own. The same rules hold when a record is appended and when it is read back.

use super::record::{Intent, Opened, Outcome, Record};
use crate::ids::JobId;

/// Why a record does not fit those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its writer opened the store before the one that has it now.
    #[error(
        "written in epoch {found}, but the store is in epoch {current}: another process has taken it over"
    )]
    OldEpoch {
        /// The record's.
        found: u64,
        /// The store's.
        current: u64,
    },
    /// Its writer claims an epoch that was not opened.
    #[error("written in epoch {found}, but the store is only in epoch {current}")]
    FutureEpoch {
        /// The record's.
        found: u64,
        /// The store's.
        current: u64,
    },
    /// The lock file was replaced under us: another process has the store now.
    #[error("another process has taken over the state directory")]
    TakenOver,
    /// A job of that id is there already.
    #[error("job {0} was started before")]
    SecondIntent(JobId),
    /// No job of that id is known.
    #[error("job {0} is not known")]
    UnknownJob(JobId),
    /// The job has ended, or a newer attempt took its place.
    #[error("job {0} is over")]
    Over(JobId),
    /// The operation's name is empty or holds a NUL.
    #[error("an operation's name is empty or holds a NUL")]
    BadOp,
    /// Only the store itself writes [`Record::Opened`].
    #[error("only the store itself opens an epoch")]
    NotYours,
}

/// Whether an attempt still runs as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Unknown,
    Open,
    Over,
}

/// A record given to a process whose epoch is `current`, before anything else is looked at.
pub(super) fn appended(current: u64, record: &Record) -> Result<(), Refusal> {
    match record {
        Record::Opened(_) => Err(Refusal::NotYours),
        Record::Intent(Intent { epoch: found, .. }) | Record::Outcome(Outcome { epoch: found, .. })
            if *found > current =>
        {
            Err(Refusal::FutureEpoch { found: *found, current })
        }
        _ => Ok(()),
    }
}

pub(super) fn opened(current: u64, opened: &Opened) -> Result<(), Refusal> {
    if opened.epoch <= current {
        return Err(Refusal::OldEpoch { found: opened.epoch, current });
    }
    Ok(())
}

pub(super) fn intent(current: u64, intent: &Intent, attempt: Attempt) -> Result<(), Refusal> {
    epoch(current, intent.epoch)?;
    op(&intent.op)?;
    if attempt != Attempt::Unknown {
        return Err(Refusal::SecondIntent(intent.job.clone()));
    }
    Ok(())
}

pub(super) fn handle(job: &JobId, attempt: Attempt) -> Result<(), Refusal> {
    match attempt {
        Attempt::Open => Ok(()),
        Attempt::Unknown => Err(Refusal::UnknownJob(job.clone())),
        Attempt::Over => Err(Refusal::Over(job.clone())),
    }
}

pub(super) fn outcome(current: u64, outcome: &Outcome, attempt: Attempt) -> Result<(), Refusal> {
    epoch(current, outcome.epoch)?;
    handle(&outcome.job, attempt)
}

pub(super) fn op(op: &str) -> Result<(), Refusal> {
    if op.is_empty() || op.contains('\0') { Err(Refusal::BadOp) } else { Ok(()) }
}

/// Reading back, an epoch may be newer than the newest seen: then the record that opened it was lost.
fn epoch(current: u64, found: u64) -> Result<(), Refusal> {
    if found < current { Err(Refusal::OldEpoch { found, current }) } else { Ok(()) }
}
