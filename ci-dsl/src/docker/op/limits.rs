//! How much runs at once on one engine.

use ci_core::Pool;

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
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(Self::BUILDS_DEFAULT, Self::RUNS_DEFAULT)
    }
}
