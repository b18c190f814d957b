//! How much runs at once on one engine.

use std::path::PathBuf;
use std::sync::Arc;

use ci_core::Pool;
use ci_core::pool::FreeSpace;

/// The slots of one engine's operations. Bind one beside its [`crate::docker::Docker`] to change the defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    pub(super) builds: Pool,
    pub(super) runs: Pool,
}

impl Limits {
    /// Builds at once unless told otherwise.
    pub const BUILDS_DEFAULT: usize = 2;
    /// Containers of jobs at once unless told otherwise.
    pub const RUNS_DEFAULT: usize = 4;

    /// These numbers of builds and of jobs' containers.
    pub fn new(builds: usize, runs: usize) -> Self {
        Self { builds: Pool::new("builds", builds), runs: Pool::new("runs", runs) }
    }

    /// Builds and jobs' containers wait while less than so many bytes are free where `folder` is: that of an engine on this
    /// machine, such as `/var/lib/docker`. They say so: `disk: 3.1 of 10.0 GB`.
    #[must_use]
    pub fn with_free_space(self, folder: impl Into<PathBuf>, bytes: u64) -> Self {
        let space = Arc::new(FreeSpace::new(folder, bytes));
        Self {
            builds: Pool::needing("builds", self.builds.size(), vec![space.clone()]),
            runs: Pool::needing("runs", self.runs.size(), vec![space]),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(Self::BUILDS_DEFAULT, Self::RUNS_DEFAULT)
    }
}
