//! Who wants what of an instance. Wants are counted up at once, and down when the step ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ids::KeyDigest;
use crate::incr::Id;
use crate::op::Request;

/// What was given up in this step. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenUp(Arc<Mutex<Lost>>);

#[derive(Debug, Default)]
pub(super) struct Lost {
    /// By instance: whose wants, for what, and how many. Many may let go of one together.
    pub(super) wants: HashMap<u64, HashMap<(Id, KeyDigest), usize>>,
    /// Instances, once for each [`Keep`].
    pub(super) keeps: Vec<u64>,
}

impl GivenUp {
    fn lock(&self) -> MutexGuard<'_, Lost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Lost {
        std::mem::take(&mut *self.lock())
    }

    /// Whether somebody who wanted it has given it up in this step.
    pub(super) fn is_of(&self, instance: u64) -> bool {
        self.lock().wants.contains_key(&instance)
    }
}

/// Names an instance in [`Cache::want`](super::Cache::want)'s answer. Dropping it says that the node no longer wants it;
/// that takes effect after the step.
#[derive(Debug)]
pub(crate) struct Want {
    pub(super) generation: u64,
    pub(super) node: Id,
    pub(super) request: Request,
    /// Of all wants, the newest has the largest.
    pub(super) number: u64,
    pub(super) given_up: GivenUp,
}

impl Want {
    /// Which instance it is of.
    pub(crate) fn instance(&self) -> u64 {
        self.generation
    }

    /// Whether it is what `request` asks for.
    pub(crate) fn is_for(&self, request: &Request) -> bool {
        self.request.key == request.key && self.request.desired == request.desired
    }

    /// What is wanted.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        let mut lost = self.given_up.lock();
        let of_it = lost.wants.entry(self.generation).or_default();
        *of_it.entry((self.node, self.request.desired)).or_default() += 1;
    }
}

/// Says that what was published is to be watched further. Dropping it says that it is not; see
/// [`Cache::keep`](super::Cache::keep).
#[derive(Debug)]
pub(crate) struct Keep {
    pub(super) generation: u64,
    pub(super) given_up: GivenUp,
}

impl Keep {
    /// Which instance it is of.
    pub(crate) fn instance(&self) -> u64 {
        self.generation
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        self.given_up.lock().keeps.push(self.generation);
    }
}
