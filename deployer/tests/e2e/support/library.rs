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

/// The settings for a bed's engine and state directory.
pub(crate) fn settings(bed: &Bed) -> Settings {
    let mut settings = Settings::new(bed.state());
    settings.docker = Some(bed.engine.docker_host());
    settings
}

impl Library {
    /// Starts it.
    pub(crate) fn start(bed: &Bed, table: &[Repo]) -> Self {
        Self::start_with(&settings(bed), table)
    }

    /// Starts it, with pages at an address of their own.
    pub(crate) fn start_with_pages(bed: &Bed, table: &[Repo]) -> Self {
        let mut settings = settings(bed);
        settings.listen = Some("127.0.0.1:0".parse().unwrap());
        Self::start_with(&settings, table)
    }

    /// Starts it with these settings.
    pub(crate) fn start_with(settings: &Settings, table: &[Repo]) -> Self {
        // Its threads are started by one that is in the engine's network.
        let runtime = Runtime::new().unwrap();
        let deployer = runtime.block_on(Deployer::start(settings, table)).unwrap();
        Self { deployer, runtime }
    }

    /// What it prints for a browser.
    pub(crate) fn link(&self) -> &str {
        self.deployer.link().expect("because it has pages")
    }

    /// Ends it.
    pub(crate) fn stops(self) {
        self.runtime.block_on(self.deployer.stop());
    }
}
