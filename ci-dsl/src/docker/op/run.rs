//! `docker run`: a command in a container, to its exit.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ci_core::executor::{Executor as _, Limits as WorkLimits, Work};
use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Owner, Pool, Share, Unbound};
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
    /// Work that had too little has another key than work that has enough.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::docker) limits: WorkLimits,
}

fn is_default(limits: &WorkLimits) -> bool {
    *limits == WorkLimits::default()
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
            limits: self.limits,
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

    pub(super) fn containers(&self) -> &Containers {
        &self.containers
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

    /// Of its image: whose commit that was made of is not known here.
    fn share(&self, key: &RunKey) -> Share {
        Share::of(key.image.to_string())
    }

    /// Longer than the executor's own limit, which says more.
    fn timeout(&self, key: &RunKey) -> Duration {
        key.limits.timeout.saturating_add(Duration::from_secs(60))
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

    /// Removes whatever the job left on its engine.
    async fn abandon(&self, job: &Job, _: &RunKey, _: Option<Json>) -> Result<(), OpError> {
        match self.containers.adopt(job.id()).await? {
            Some(work) => self.containers.release(&work).await,
            None => Ok(()),
        }
    }
}
