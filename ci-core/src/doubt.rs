//! Values that are there, but of which nobody knows whether they still hold: not read lately, or changed by somebody.
//! They are counted, so that a pipeline which has them all is not said to be fine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Failure;

/// How many there are, of one engine. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts(Arc<AtomicUsize>);

impl Doubts {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until it is dropped.
    pub(crate) fn of(&self, why: Arc<Failure>) -> Doubt {
        self.0.fetch_add(1, Ordering::Relaxed);
        Doubt { why, all: self.clone() }
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) why: Arc<Failure>,
    all: Doubts,
}

impl Drop for Doubt {
    fn drop(&mut self) {
        self.all.0.fetch_sub(1, Ordering::Relaxed);
    }
}
