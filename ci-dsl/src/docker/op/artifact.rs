//! `docker run` for the files that it leaves.

use std::fmt;
use std::time::Duration;

use ci_core::executor::Limits as WorkLimits;
use ci_core::{Bind, Bindings, Builder, DEFAULT, Job, Level, OpError, OpId, Pool, Share, Unbound};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::build::Built;
use super::run::{Run, RunKey};
use crate::artifacts::{Artifact, Artifacts};
use crate::docker::artifact::{self, ArtifactPath};

/// What to run in which image, and where it leaves what is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct LeaveKey {
    pub(in crate::docker) run: RunKey,
    pub(in crate::docker) path: ArtifactPath,
}

impl fmt::Display for LeaveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.path, self.run)
    }
}

/// Runs as [`Run`] does.
pub(in crate::docker) struct Leave {
    run: Run,
    artifacts: Artifacts,
}

impl Leave {
    /// See [`Run::key`].
    pub(in crate::docker) fn key(
        &self,
        image: &Built,
        command: &[String],
        limits: WorkLimits,
    ) -> Result<RunKey, OpError> {
        self.run.key(image, command, limits)
    }
}

impl Bind for Leave {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { run: Run::bind(bindings, on)?, artifacts: bindings.get(DEFAULT)? })
    }
}

impl Builder for Leave {
    const ID: OpId = OpId::new("docker-artifact");
    const DOES: &'static str = "make";
    const AUTO_CANCEL: bool = true;
    type Key = LeaveKey;
    type Value = Artifact;

    fn level(&self, key: &LeaveKey) -> Level {
        self.run.level(&key.run)
    }

    fn pool(&self) -> Option<&Pool> {
        self.run.pool()
    }

    fn share(&self, key: &LeaveKey) -> Share {
        self.run.share(&key.run)
    }

    /// Work that has succeeded is not called late for what comes after it.
    fn timeout(&self, key: &LeaveKey) -> Duration {
        self.run.timeout(&key.run).saturating_add(artifact::KEEP_TIMEOUT)
    }

    fn serves(&self, key: &LeaveKey) -> bool {
        self.run.serves(&key.run)
    }

    async fn build(&self, job: &Job, key: &LeaveKey) -> Result<Artifact, OpError> {
        let work = key.run.work(job);
        artifact::artifact(self.run.containers(), job, &work, &key.path, &self.artifacts).await
    }

    async fn resume(
        &self,
        job: &Job,
        key: &LeaveKey,
        handle: Option<Json>,
    ) -> Result<Option<Artifact>, OpError> {
        artifact::resume(self.run.containers(), job, handle.as_ref(), &key.path, &self.artifacts).await
    }

    async fn abandon(&self, job: &Job, key: &LeaveKey, handle: Option<Json>) -> Result<(), OpError> {
        self.run.abandon(job, &key.run, handle).await
    }

    async fn is_valid(&self, _: &LeaveKey, artifact: &Artifact) -> bool {
        self.artifacts.has(artifact).await
    }
}
