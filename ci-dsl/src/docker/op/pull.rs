//! `docker pull`: what a name stands for in its registry now, brought to the engine.

use std::fmt;
use std::time::Duration;

use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Pool, Unbound};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use crate::docker::client::Docker;
use crate::docker::reference::{ImageId, Pinned, Reference};
use crate::docker::{image, push};

/// The name, and the engine that pulls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct PullKey {
    context: String,
    name: Reference,
}

impl fmt::Display for PullKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// An image of a registry, on the engine that pulled it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pulled {
    /// By which it can be had there and is known on the engine, whatever the name stands for later.
    pub image: Pinned,
    /// Its id.
    pub id: ImageId,
    /// What it runs on: `amd64`.
    pub architecture: String,
}

pub(in crate::docker) struct Pull {
    docker: Docker,
    limits: Limits,
}

impl Pull {
    pub(in crate::docker) fn key(&self, name: &Reference) -> PullKey {
        PullKey { context: self.docker.context().to_owned(), name: name.clone() }
    }
}

impl Bind for Pull {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { docker: bindings.get(on)?, limits: bindings.get(on).unwrap_or_default() })
    }
}

impl Builder for Pull {
    const ID: OpId = OpId::new("docker-pull");
    const DOES: &'static str = "pull";
    const AUTO_CANCEL: bool = true;
    type Key = PullKey;
    type Value = Pulled;

    fn level(&self, _: &PullKey) -> Level {
        Level::MostlyHarmless
    }

    /// Like a build it fills the engine's disk.
    fn pool(&self) -> Option<&Pool> {
        Some(&self.limits.builds)
    }

    fn timeout(&self, _: &PullKey) -> Duration {
        push::TRANSFER_TIMEOUT
    }

    fn serves(&self, key: &PullKey) -> bool {
        key.context == self.docker.context()
    }

    async fn build(&self, job: &Job, key: &PullKey) -> Result<Pulled, OpError> {
        let pinned = push::resolve(&self.docker, &key.name, None).await?;
        job.say(format_args!("{} is {pinned} now", key.name));
        let image::Image { id, architecture } = push::pull(&self.docker, job, &pinned, None).await?;
        Ok(Pulled { image: pinned, id, architecture })
    }

    async fn is_valid(&self, _: &PullKey, pulled: &Pulled) -> bool {
        match image::inspect(&self.docker, &pulled.image.clone().into()).await {
            Ok(found) => found.is_some_and(|image| image.id == pulled.id),
            // An engine that does not answer says nothing against the image; who needs it will tell.
            Err(error) => error.kind().is_retried(),
        }
    }
}
