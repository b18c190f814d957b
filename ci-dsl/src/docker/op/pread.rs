//! `docker run` for what it prints.

use std::time::Duration;

use ci_core::executor::Limits as WorkLimits;
use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Pool, Share, Unbound};
use serde_json::Value as Json;

use super::build::Built;
use super::run::{Run, RunKey};
use crate::docker::pread;

/// Runs as [`Run`] does.
pub(in crate::docker) struct Pread(Run);

impl Pread {
    /// See [`Run::key`].
    pub(in crate::docker) fn key(
        &self,
        image: &Built,
        command: &[String],
        limits: WorkLimits,
    ) -> Result<RunKey, OpError> {
        self.0.key(image, command, limits)
    }
}

impl Bind for Pread {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Run::bind(bindings, on).map(Self)
    }
}

impl Builder for Pread {
    const ID: OpId = OpId::new("docker-pread");
    const DOES: &'static str = "read what is printed by";
    const AUTO_CANCEL: bool = true;
    type Key = RunKey;
    type Value = String;

    fn level(&self, key: &RunKey) -> Level {
        self.0.level(key)
    }

    fn pool(&self) -> Option<&Pool> {
        self.0.pool()
    }

    fn share(&self, key: &RunKey) -> Share {
        self.0.share(key)
    }

    fn timeout(&self, key: &RunKey) -> Duration {
        self.0.timeout(key)
    }

    fn serves(&self, key: &RunKey) -> bool {
        self.0.serves(key)
    }

    async fn build(&self, job: &Job, key: &RunKey) -> Result<String, OpError> {
        pread::pread(self.0.containers(), job, &key.work(job)).await
    }

    async fn resume(&self, job: &Job, _: &RunKey, handle: Option<Json>) -> Result<Option<String>, OpError> {
        pread::resume(self.0.containers(), job, handle.as_ref()).await
    }

    async fn abandon(&self, job: &Job, key: &RunKey, handle: Option<Json>) -> Result<(), OpError> {
        self.0.abandon(job, key, handle).await
    }
}
