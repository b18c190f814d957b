//! A deployer with a table of the test's own, in this process.

use deployer::prelude::Repo;
use deployer::{Deployer, Settings};
use tokio::runtime::Runtime;

use super::Bed;

/// A running deployer. It uses the bed's state directory, so that the program's subcommands speak to it.
pub(crate) struct Library {
    deployer: Deployer,
    runtime: Runtime,
}

impl Library {
    /// Starts it.
    pub(crate) fn start(bed: &Bed, table: &[Repo]) -> Self {
        let mut settings = Settings::new(bed.state());
        settings.docker = Some(bed.engine.docker_host());
        // Its threads are started by one that is in the engine's network.
        let runtime = Runtime::new().unwrap();
        let deployer = runtime.block_on(Deployer::start(&settings, table)).unwrap();
        Self { deployer, runtime }
    }

    /// Ends it.
    pub(crate) fn stops(self) {
        self.runtime.block_on(self.deployer.stop());
    }
}
