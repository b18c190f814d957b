//! What serves while something else is made in its place.
//!
//! A result is made again although it is there: its time is over, a person asked for it, or, for an operation that says
//! so, a newer value is wanted in its place. Until that has come to an end the old result is *latched*: whoever wants it
//! reads it as if nothing was going on, so nothing that depends on it moves, and if what comes is equal nothing ever
//! does. What was to *renew* a value and failed does not take its place: the value goes on serving, in doubt.
//!
//! What a restart finds is latched, too, as soon as it is known that it still stands. While a new user waits to hear that
//! of a result that others have, the latch is for those alone.

use std::sync::Arc;

use super::instance::{Finished, Instance, State, request_of};
use super::{Env, Owned, check};
use crate::current::Activity;
use crate::error::Failure;
use crate::ids::{JobId, KeyDigest};
use crate::op::{Operation, Request};
use crate::store::StoredResult;

#[derive(Debug)]
pub(super) struct Latch {
    pub(super) finished: Finished,
    /// It serves wants of lower numbers.
    until: u64,
    /// While it is asked whether it stands: it serves nobody.
    pub(super) check: Option<Owned>,
}

/// A result of an earlier process that may serve while something else is made.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) finished: Finished,
    /// What it is the result of.
    pub(super) request: Request,
}

impl Old {
    /// Of what is stored, when this is wanted.
    pub(super) fn of(stored: &StoredResult, wanted: &Request, is_latched: bool) -> Option<Self> {
        let is_of_wanted = KeyDigest::of(&stored.intent.desired) == wanted.desired;
        let serves = match &stored.outcome.result {
            _ if stored.invalidated.as_ref().is_some_and(|declined| !declined.serves) => false,
            Ok(_) => is_of_wanted || is_latched,
            // What failed serves as long as nobody has tried what is wanted instead.
            Err(_) => is_latched && !is_of_wanted,
        };
        serves.then(|| {
            let request = if is_of_wanted { wanted.clone() } else { request_of(&stored.intent) };
            Self { finished: Finished::of(stored, &request), request }
        })
    }
}

impl Latch {
    /// Serves whoever wants it.
    pub(super) fn of(finished: Finished) -> Self {
        Self { finished, until: u64::MAX, check: None }
    }

    /// Serves those who wanted it before the want of this number.
    pub(super) fn before(finished: Finished, number: u64) -> Self {
        Self { finished, until: number, check: None }
    }

    /// Serves when it is known to stand.
    pub(super) fn asked(env: &Arc<Env>, generation: u64, op: &Arc<dyn Operation>, old: Old) -> Self {
        let Old { finished, request } = old;
        let check = finished.result.as_ref().ok().map(|value| {
            let of = finished.job.clone();
            let check = check(env.clone(), generation, op.clone(), request, of, value.clone());
            Owned(env.runtime.spawn(check))
        });
        Self { finished, until: u64::MAX, check }
    }

    /// Whether it may be used.
    pub(super) fn is_in_use(&self) -> bool {
        self.check.is_none()
    }

    /// Whether who wants it has a value.
    pub(super) fn is_a_value_in_use(&self) -> bool {
        self.is_in_use() && self.finished.result.is_ok()
    }

    /// Whether an attempt for this value is to renew it: then it is made anew, not made something else.
    pub(super) fn is_renewed_by(&self, desired: KeyDigest) -> bool {
        self.finished.result.is_ok() && self.finished.desired == desired
    }
}

impl Instance {
    /// What serves the want of this number for this value, if that is not the state's own result.
    pub(super) fn served(&self, number: u64, desired: KeyDigest) -> Option<&Finished> {
        let latch = self.latch.as_deref()?;
        let serves = latch.is_in_use()
            && number < latch.until
            && (latch.finished.desired == desired || self.op.latched());
        serves.then_some(&latch.finished)
    }

    /// Whether an old result serves who wants the newest value.
    pub(super) fn is_latched(&self) -> bool {
        self.served(0, self.desired.desired).is_some()
    }

    /// The job whose value an attempt for `desired` would renew.
    pub(super) fn renews(&self, desired: KeyDigest) -> Option<JobId> {
        let latch = self.latch.as_deref().filter(|latch| latch.is_renewed_by(desired))?;
        Some(latch.finished.job.clone())
    }

    /// What is going on to put something in the place of the result that serves.
    pub(super) fn renewing(&self) -> Option<Activity> {
        let activity = match &self.state {
            State::Active(attempt) => attempt.activity(),
            State::Fresh | State::Wanted { .. } => Activity::Queued,
            State::Checking { .. } | State::Retrying { .. } | State::Finished(_) => return None,
        };
        // That it waits to be tried again is told as why it failed.
        (self.is_latched() && activity != Activity::Retrying).then_some(activity)
    }

    /// Something else is to be made in the place of the state's result, which serves meanwhile.
    pub(super) fn latch(&mut self, finished: Finished) {
        // What comes to nothing on the way is nobody's.
        if finished.result.is_ok() || self.latch.is_none() {
            self.latch = Some(Box::new(Latch::of(finished)));
        }
    }

    /// Nothing serves but what is made now.
    pub(super) fn unlatch(&mut self) {
        (self.latch, self.stale) = (None, None);
    }

    /// Hears whether the old result of this job stands.
    pub(super) fn serves(&mut self, of: &JobId, stands: bool) {
        match self.latch.as_mut().filter(|latch| !latch.is_in_use() && latch.finished.job == *of) {
            Some(latch) if stands => latch.check = None,
            Some(_) => self.unlatch(),
            None => {}
        }
    }

    /// Why the result that there is could not be renewed when that was tried last.
    pub(super) fn stale(&self) -> Option<&Arc<Failure>> {
        let doubt = self.stale.as_ref()?;
        (self.is_latched() || matches!(self.state, State::Finished(_))).then_some(&doubt.why)
    }
}
