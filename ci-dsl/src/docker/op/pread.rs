//! `docker run` for what it prints.

use std::time::Duration;

use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Pool, Unbound};
use serde_json::Value as Json;

use super::limits::Limits;
use super::run::{RunKey, abandon};
use crate::docker::container::Containers;
use crate::docker::pread;

pub(in crate::docker) struct Pread {
    containers: Containers,
    limits: Limits,
}

impl Pread {
    pub(in crate::docker) fn context(&self) -> &str {
        self.containers.docker().context()
    }
}

impl Bind for Pread {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { containers: Containers::bind(bindings, on)?, limits: bindings.get(on).unwrap_or_default() })
    }
}

impl Builder for Pread {
    const ID: OpId = OpId::new("docker-pread");
    const DOES: &'static str = "read what is printed by";
    const AUTO_CANCEL: bool = true;
    type Key = RunKey;
    type Value = String;

    fn level(&self, _: &RunKey) -> Level {
        Level::Average
    }

    fn pool(&self) -> Option<&Pool> {
        Some(&self.limits.runs)
    }

    fn timeout(&self) -> Duration {
        ci_core::executor::Limits::default().timeout + Duration::from_secs(60)
    }

    fn serves(&self, key: &RunKey) -> bool {
        key.context == self.context()
    }

    async fn build(&self, job: &Job, key: &RunKey) -> Result<String, OpError> {
        pread::pread(&self.containers, job, &key.work(job)).await
    }

    async fn resume(&self, job: &Job, _: &RunKey, handle: Option<Json>) -> Result<Option<String>, OpError> {
        pread::resume(&self.containers, job, handle.as_ref()).await
    }

    async fn abandon(&self, job: &Job, _: &RunKey, _: Option<Json>) -> Result<(), OpError> {
        abandon(&self.containers, job).await
    }
}
