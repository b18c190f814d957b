//! How many operations and monitors stand how, counted as they move: asking costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::{Activity, Outcome, Pending, Reason};
use crate::incr::Id;

/// How many operations and monitors of a pipeline stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// They have their values.
    pub ok: usize,
    /// In a queue.
    pub queued: usize,
    /// At work.
    pub running: usize,
    /// Until a person approves.
    pub waiting_for_confirmation: usize,
    /// They failed in a way that may pass, and try again.
    pub retrying: usize,
    /// They failed.
    pub failed: usize,
    /// They do not apply, or what they are made of does not.
    pub skipped: usize,
    /// They have no value because something else failed.
    pub blocked: usize,
    /// They have no value because something else has none yet.
    pub waiting: usize,
}

const CLASSES: usize = 9;

/// The counts of one engine. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<[AtomicUsize; CLASSES]>);

impl Tally {
    pub(crate) fn counts(&self) -> Counts {
        let [ok, queued, running, waiting_for_confirmation, retrying, failed, skipped, blocked, waiting] =
            std::array::from_fn(|class| self.0[class].load(Ordering::Relaxed));
        Counts { ok, queued, running, waiting_for_confirmation, retrying, failed, skipped, blocked, waiting }
    }
}

/// One that is counted until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    class: usize,
    all: Tally,
}

impl Counted {
    pub(super) fn new(all: &Tally) -> Self {
        let class = class_of_activity(Activity::Queued);
        all.0[class].fetch_add(1, Ordering::Relaxed);
        Self { class, all: all.clone() }
    }

    /// What it is now. `me` is its node.
    pub(super) fn is<T>(&mut self, value: &Outcome<T>, me: Id) {
        let class = match value {
            Ok(_) => 0,
            Err(reason) if reason.is_skipped() => 6,
            Err(Reason { origin, what: Pending::Active(activity) }) if *origin == me => {
                class_of_activity(*activity)
            }
            Err(Reason { origin, what: Pending::Failed(_) }) if *origin == me => 5,
            Err(Reason { what: Pending::Failed(_), .. }) => 7,
            Err(Reason { what: Pending::Active(_), .. }) => 8,
        };
        if class != self.class {
            self.all.0[self.class].fetch_sub(1, Ordering::Relaxed);
            self.all.0[class].fetch_add(1, Ordering::Relaxed);
            self.class = class;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all.0[self.class].fetch_sub(1, Ordering::Relaxed);
    }
}

fn class_of_activity(activity: Activity) -> usize {
    match activity {
        Activity::Queued => 1,
        Activity::Running => 2,
        Activity::WaitingForConfirmation => 3,
        Activity::Retrying => 4,
    }
}
