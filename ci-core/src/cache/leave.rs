//! Whether an attempt may touch the world.

use std::sync::{Mutex, PoisonError};

/// Agreed on between the engine's thread, which knows what is wanted, and the attempt's task, which begins: so an
/// attempt that nobody wants any more is either stopped before it touched anything, or known to have begun.
#[derive(Debug)]
pub(super) struct Leave(Mutex<State>);

#[derive(Debug)]
struct State {
    begun: bool,
    wanted: bool,
}

impl Leave {
    pub(super) fn new(begun: bool, wanted: bool) -> Self {
        Self(Mutex::new(State { begun, wanted }))
    }

    /// What it is for is wanted (again).
    pub(super) fn want(&self) {
        self.with(|state| state.wanted = true);
    }

    /// What it is for is not wanted any more. Tells whether it has not begun, and so never will.
    pub(super) fn refuse(&self) -> bool {
        self.with(|state| {
            state.wanted = false;
            !state.begun
        })
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.with(|state| state.wanted)
    }

    /// Begins, if it is wanted.
    pub(super) fn begin(&self) -> bool {
        self.with(|state| {
            state.begun |= state.wanted;
            state.begun
        })
    }

    /// Nothing of it is in the world.
    pub(super) fn step_back(&self) {
        self.with(|state| state.begun = false);
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
