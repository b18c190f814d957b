//! One (operation, key) that somebody wants: its state. The story is told in the parent module.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use tokio::time::Instant;

use super::expiry::Expiry;
use super::latch::Latch;
use super::leave::Leave;
use super::{Env, Owned, Reading, attempt, drift, live};
use crate::clock;
use crate::current::Activity;
use crate::doubt::Doubt;
use crate::error::{Failure, FailureKind};
use crate::event::{Phase, What};
use crate::ids::{JobId, KeyDigest, OpId};
use crate::incr::Id;
use crate::job::{Cancel, Log};
use crate::op::{Operation, Request, shared};
use crate::pool::Priority;
use crate::signal::Signal;
use crate::store::StoredResult;
use crate::store::record::Intent;

/// How many values of a conflict its message names.
const CONFLICTS_SHOWN_MAX: usize = 3;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) op: Arc<dyn Operation>,
    /// The newest value wanted.
    pub(super) desired: Request,
    pub(super) wishes: Vec<Wish>,
    /// The wishes differ: nothing is started.
    pub(super) conflict: bool,
    pub(super) state: State,
    /// How many attempts at the newest value failed in a transient way.
    pub(super) transients: u32,
    /// Over what was published, while that is the state.
    pub(super) watch: Option<Box<drift::Watch>>,
    /// How many nodes want it watched, and nothing more.
    pub(super) kept: usize,
    /// What serves while the state is about something else.
    pub(super) latch: Option<Box<Latch>>,
    /// Why what serves, or is there, could not be renewed.
    pub(super) stale: Option<Doubt>,
    /// When the result that is there is to be renewed, if it ever is.
    pub(super) expiry: Option<Box<Expiry>>,
}

/// One node's want.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) node: Id,
    pub(super) request: Request,
    /// How long it wants to use a result.
    pub(super) valid_for: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum State {
    /// Nobody has looked into the store yet.
    Fresh,
    /// To be started, although there may be a result; `attempt` is the number it gets, if it is still this value that
    /// is wanted.
    Wanted {
        desired: KeyDigest,
        attempt: u32,
        priority: Priority,
    },
    /// A result from the store is asked whether it still stands.
    Checking {
        stored: Box<Finished>,
        /// Why that is not known yet, and when it is asked again.
        unknown: Option<(Arc<Failure>, Instant)>,
        #[expect(dead_code, reason = "held for its drop")]
        task: Owned,
    },
    Active(Box<Attempt>),
    /// Failed in a way that may pass; `attempt` is the next one's number.
    Retrying {
        job: JobId,
        request: Request,
        attempt: u32,
        failure: Arc<Failure>,
        /// By the clock that nobody sets.
        due: Instant,
        #[expect(dead_code, reason = "held for its drop")]
        timer: Owned,
    },
    Finished(Finished),
}

/// A result, and what it is the result of.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) job: JobId,
    pub(super) summary: Arc<str>,
    pub(super) desired: KeyDigest,
    /// When, by the engine's clock.
    pub(super) found_at_ms: u64,
    pub(super) result: Result<Arc<Json>, Arc<Failure>>,
}

impl Finished {
    /// What is stored, which is the result of `request`.
    pub(super) fn of(stored: &StoredResult, request: &Request) -> Self {
        Self {
            job: stored.intent.job.clone(),
            summary: request.summary.clone(),
            desired: request.desired,
            found_at_ms: stored.outcome.finished_at_ms,
            result: match &stored.outcome.result {
                Ok(value) => Ok(shared(value.clone())),
                Err(failure) => Err(Arc::new(failure.clone())),
            },
        }
    }

    /// That it holds for who asks now.
    pub(super) fn reused(&self, op: OpId) -> What {
        let failure = self.result.as_ref().err().map(|failure| Failure::clone(failure));
        What::Reused { op, summary: self.summary.to_string(), job: self.job.clone(), failure }
    }
}

/// An attempt under way. Dropping it ends its task where it is.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) job: JobId,
    pub(super) request: Request,
    pub(super) number: u32,
    /// See [`Intent::renews`].
    pub(super) renews: Option<JobId>,
    pub(super) queued_at_ms: u64,
    phase: Phase,
    /// When it is tried again, if it waits for that.
    due: Option<Instant>,
    /// Why the newest try failed, if one has.
    tried: Option<Failure>,
    pub(super) cancel: Cancel,
    pub(super) approval: Arc<Signal<bool>>,
    pub(super) log: Log,
    leave: Arc<Leave>,
    _task: Owned,
}

/// What an attempt is to do.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) job: JobId,
    pub(super) request: Request,
    pub(super) number: u32,
    /// See [`Intent::renews`].
    pub(super) renews: Option<JobId>,
    pub(super) queued_at_ms: u64,
    pub(super) start: attempt::Start,
    /// Whether what it is for is wanted.
    pub(super) wanted: bool,
    /// Asks it to stop, maybe from the beginning.
    pub(super) cancel: Cancel,
    pub(super) priority: Priority,
}

impl Attempt {
    pub(super) fn start(env: &Arc<Env>, generation: u64, op: Arc<dyn Operation>, order: Order) -> Self {
        let Order { job, request, number, renews, queued_at_ms, start, wanted, cancel, priority } = order;
        let log = Log::masked(env.store.log_path(&job), env.secrets.clone());
        let approval = Arc::new(Signal::new(false));
        let begun = matches!(start, attempt::Start::Cut(_));
        let leave = Arc::new(Leave::new(begun, wanted));
        let run = attempt::Run {
            env: env.clone(),
            generation,
            op,
            request: request.clone(),
            job: job.clone(),
            number,
            renews: renews.clone(),
            queued_at_ms,
            cancel: cancel.clone(),
            priority,
            approval: approval.clone(),
            leave: leave.clone(),
            log: log.clone(),
            recorded: begun.into(),
        };
        let task = Owned(env.runtime.spawn(run.run_to_end(start)));
        let phase = Phase::Queued;
        Self {
            job,
            request,
            number,
            renews,
            queued_at_ms,
            phase,
            cancel,
            approval,
            log,
            leave,
            due: None,
            tried: None,
            _task: task,
        }
    }

    /// What it is for is wanted (again).
    pub(super) fn want(&self) {
        self.leave.want();
    }

    /// What it is for is not wanted any more. If it has touched the world, it is stopped only if it may be.
    pub(super) fn refuse(&self, auto_cancel: bool, why: &str) {
        if self.leave.refuse() || auto_cancel {
            self.cancel.supersede(why);
        }
    }

    /// Its operation was let in.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Resumed)
    }

    /// It was asked to stop since nobody wants it.
    pub(super) fn is_superseded(&self) -> bool {
        self.cancel.is_requested().is_some_and(|error| error.kind() == FailureKind::Superseded)
    }

    /// Takes in where it is now. Tells whether that is news: that it is tried again and fails as before is none.
    pub(super) fn moved(&mut self, phase: Phase) -> bool {
        let mut is_news = true;
        self.due = match &phase {
            Phase::Failed { failure, retry_at_ms: Some(at) } => {
                is_news = self.tried.replace(failure.clone()).as_ref() != Some(failure);
                Some(Instant::now() + Duration::from_millis(at.saturating_sub(clock::now_ms())))
            }
            Phase::Running | Phase::Resumed => {
                is_news = self.tried.is_none();
                None
            }
            _ => None,
        };
        self.phase = phase;
        is_news
    }

    /// While it is tried again: why the try before failed. While it waits for that, its phase says so.
    pub(super) fn tried(&self) -> Option<&Failure> {
        self.tried.as_ref().filter(|_| self.due.is_none())
    }

    /// Where it is. A time that it names is one of today's clock, which may have been set since the phase began.
    pub(super) fn phase(&self) -> Phase {
        match (&self.phase, self.due) {
            (Phase::Failed { failure, .. }, Some(due)) => {
                Phase::Failed { failure: failure.clone(), retry_at_ms: Some(live::at_ms(due)) }
            }
            (phase, _) => phase.clone(),
        }
    }

    pub(super) fn finished(&self, found_at_ms: u64, result: Result<Arc<Json>, Arc<Failure>>) -> Finished {
        Finished {
            job: self.job.clone(),
            summary: self.request.summary.clone(),
            desired: self.request.desired,
            found_at_ms,
            result,
        }
    }

    pub(super) fn activity(&self) -> Activity {
        match self.phase {
            Phase::WaitingForConfirmation => Activity::WaitingForConfirmation,
            Phase::Queued | Phase::WaitingForSlot { .. } | Phase::WaitingForResource { .. } => {
                Activity::Queued
            }
            Phase::Failed { .. } => Activity::Retrying,
            _ => Activity::Running,
        }
    }
}

impl Instance {
    pub(super) fn new(op: Arc<dyn Operation>, request: Request) -> Self {
        Self {
            op,
            desired: request,
            // Most have one, and for long.
            wishes: Vec::with_capacity(1),
            conflict: false,
            state: State::Fresh,
            transients: 0,
            watch: None,
            kept: 0,
            latch: None,
            stale: None,
            expiry: None,
        }
    }

    pub(super) fn key(&self) -> KeyDigest {
        self.desired.key
    }

    /// What a node sees whose want for `desired` has this number.
    pub(super) fn reading(&self, number: u64, desired: KeyDigest) -> Reading {
        if self.conflict {
            return Reading::Failed(Arc::new(self.conflicting()));
        }
        let finished = match &self.state {
            State::Finished(finished) if finished.desired == desired => Some(finished),
            _ => self.served(number, desired),
        };
        if let Some(finished) = finished {
            return match &finished.result {
                Ok(value) => Reading::Done(value.clone()),
                Err(failure) => Reading::Failed(failure.clone()),
            };
        }
        match &self.state {
            State::Active(attempt) if attempt.request.desired == desired => {
                Reading::Active(attempt.activity())
            }
            State::Retrying { request, .. } if request.desired == desired => {
                Reading::Active(Activity::Retrying)
            }
            State::Checking { stored, unknown: Some(_), .. } if stored.desired == desired => {
                Reading::Active(Activity::Retrying)
            }
            _ => Reading::Active(Activity::Queued),
        }
    }

    fn conflicting(&self) -> Failure {
        let wanted: BTreeSet<&str> = self.wishes.iter().map(|wish| &*wish.request.summary).collect();
        let wanted: Vec<&str> = wanted.into_iter().take(CONFLICTS_SHOWN_MAX).collect();
        Failure {
            kind: FailureKind::Permanent,
            message: format!(
                "different values are wanted in one place at the same time: {}",
                wanted.join(", ")
            ),
            hint: Some("let only one place of the pipeline publish it".to_owned()),
        }
    }

    /// Whether nothing more comes of it unless somebody acts.
    pub(super) fn is_at_rest(&self) -> bool {
        match &self.state {
            State::Finished(_) => true,
            State::Active(attempt) => attempt.phase == Phase::WaitingForConfirmation,
            State::Retrying { .. } => self.conflict || self.is_latched(),
            State::Fresh | State::Wanted { .. } | State::Checking { .. } => self.conflict,
        }
    }

    pub(super) fn job(&self) -> Option<&JobId> {
        match &self.state {
            State::Active(attempt) => Some(&attempt.job),
            State::Retrying { job, .. } => Some(job),
            State::Checking { stored, .. } => Some(&stored.job),
            State::Finished(stored) => Some(&stored.job),
            State::Fresh | State::Wanted { .. } => self.latch.as_ref().map(|latch| &latch.finished.job),
        }
    }
}

/// The request that an attempt of an earlier process was made for.
pub(super) fn request_of(intent: &Intent) -> Request {
    let desired = KeyDigest::of(&intent.desired);
    Request::stored(intent.key, &intent.key_fields, desired, &intent.desired, &intent.summary)
}
