//! `docker run`: a command in a container, to its exit.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ci_core::executor::{Executor as _, Limits as WorkLimits, Network, Work};
use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Owner, Pool, Unbound};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::limits::Limits;
use crate::docker::container::Containers;
use crate::docker::reference::ImageId;
use crate::docker::run;

/// What to run in which image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct RunKey {
    pub(in crate::docker) context: String,
    pub(in crate::docker) image: ImageId,
    pub(in crate::docker) command: Vec<String>,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.command.join(" "), self.image)
    }
}

impl RunKey {
    pub(super) fn work(&self, job: &Job) -> Work {
        Work {
            image: self.image.to_string(),
            command: self.command.clone(),
            env: BTreeMap::new(),
            network: Network::None,
            limits: WorkLimits::default(),
            attempt: job.attempt(),
            epoch: job.epoch(),
        }
    }
}

pub(in crate::docker) struct Run {
    containers: Containers,
    limits: Limits,
}

impl Run {
    pub(in crate::docker) fn context(&self) -> &str {
        self.containers.docker().context()
    }
}

impl Bind for Containers {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        let (docker, owner) = (bindings.get(on)?, bindings.get::<Owner>(ci_core::DEFAULT)?);
        Ok(Self::new(docker, owner.as_str())
            .expect("because an owner's id is made of the letters allowed here"))
    }
}

impl Bind for Run {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { containers: Containers::bind(bindings, on)?, limits: bindings.get(on).unwrap_or_default() })
    }
}

impl Builder for Run {
    const ID: OpId = OpId::new("docker-run");
    const DOES: &'static str = "run";
    const AUTO_CANCEL: bool = true;
    type Key = RunKey;
    type Value = ();

    fn level(&self, _: &RunKey) -> Level {
        Level::Average
    }

    fn pool(&self) -> Option<&Pool> {
        Some(&self.limits.runs)
    }

    fn timeout(&self) -> Duration {
        // The executor's own limit comes first and says more.
        WorkLimits::default().timeout + Duration::from_secs(60)
    }

    fn serves(&self, key: &RunKey) -> bool {
        key.context == self.context()
    }

    async fn build(&self, job: &Job, key: &RunKey) -> Result<(), OpError> {
        run::run(&self.containers, job, &key.work(job)).await
    }

    async fn resume(&self, job: &Job, _: &RunKey, handle: Option<Json>) -> Result<Option<()>, OpError> {
        run::resume(&self.containers, job, handle.as_ref()).await
    }

    async fn abandon(&self, job: &Job, _: &RunKey, _: Option<Json>) -> Result<(), OpError> {
        abandon(&self.containers, job).await
    }
}

/// Removes whatever a job left on its engine.
pub(super) async fn abandon(containers: &Containers, job: &Job) -> Result<(), OpError> {
    match containers.adopt(job.id()).await? {
        Some(work) => containers.release(&work).await,
        None => Ok(()),
    }
}
