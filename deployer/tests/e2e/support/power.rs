//! The end and the return of a world's engine.

use super::World;

/// How an engine ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// By a power cut: it sees nothing of how its containers end.
    PowerCut,
    /// In order, as when its unit is stopped: it stops its containers.
    Stop,
}

impl World {
    /// The engine ends, with all its containers.
    pub(crate) fn engine_ends(&mut self, end: End) {
        self.pauses_counting();
        match end {
            End::PowerCut => self.bed.engine.kill(),
            End::Stop => self.bed.engine.stop(),
        }
    }

    /// It is started again, on what it had stored.
    pub(crate) fn engine_starts(&mut self) {
        self.bed.engine.restart();
        self.counts_again();
    }
}
