//! What the engine's steps are, to who measures or traces them.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Status;
use crate::cache::{Cache, LiveJob};

/// How much the engine itself has worked since its start. Jobs and reads are not counted: they are not its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// Steps. The newest has this number.
    pub steps: u64,
    /// The time that they took together.
    pub time: Duration,
    /// Nodes that ran; one that ran twice counts twice.
    pub recomputed: u64,
    /// Those of them that came out different.
    pub changed: u64,
}

impl Evaluation {
    pub(super) fn add(&mut self, step: Self) {
        self.steps += step.steps;
        self.time += step.time;
        self.recomputed += step.recomputed;
        self.changed += step.changed;
    }
}

/// One step that has just ended. See [`Engine::traced`](super::Engine::traced).
#[derive(Debug)]
pub struct Step<'a> {
    /// How the pipeline stands after it, and its number.
    pub status: &'a Status,
    /// All work up to now.
    pub evaluation: Evaluation,
    pub(super) cache: &'a Cache,
}

impl Step<'_> {
    /// The jobs under way or waiting to be tried again, newest first. Costs as much as there are operations.
    pub fn live(&self) -> Vec<LiveJob> {
        self.cache.live()
    }

    /// How many keys of operations are held in memory, each with its result or its job: those that are wanted, or run.
    pub fn held(&self) -> usize {
        self.cache.len()
    }
}

/// Who is called at the end of each step.
#[derive(Default)]
pub(super) struct Trace(Option<Box<Traced>>);

type Traced = dyn FnMut(&Step<'_>) + Send;

impl Trace {
    pub(super) fn to(trace: impl FnMut(&Step<'_>) + Send + 'static) -> Self {
        Self(Some(Box::new(trace)))
    }

    pub(super) fn call(&mut self, step: &Step<'_>) {
        if let Some(trace) = &mut self.0 {
            trace(step);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({})", self.0.is_some())
    }
}
