//! `docker push`: a tag of a registry stands for an image.

use std::fmt;

use ci_core::{Bind, Bindings, Job, Level, OpError, OpId, Publisher, Unbound};
use serde::{Deserialize, Serialize};

use super::build::Built;
use crate::docker::client::Docker;
use crate::docker::push;
use crate::docker::reference::{ImageId, Pinned, Reference};
use crate::registry::Registry;

/// The tag, and the engine that pushes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct PushKey {
    pub(in crate::docker) context: String,
    /// With the registry's address: `127.0.0.1:5000/team/site:live`.
    pub(in crate::docker) name: String,
}

impl fmt::Display for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What the tag is to stand for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct PushedImage {
    pub(in crate::docker) image: ImageId,
    pub(in crate::docker) revision: String,
}

impl From<&Built> for PushedImage {
    fn from(image: &Built) -> Self {
        Self { image: image.id.clone(), revision: image.revision.clone() }
    }
}

impl fmt::Display for PushedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.image.fmt(f)
    }
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pushed {
    /// By which it can be had there, whatever the tag stands for later.
    pub image: Pinned,
    /// What it was built from.
    pub revision: String,
}

pub(in crate::docker) struct Push {
    docker: Docker,
    registry: Registry,
}

impl Push {
    pub(in crate::docker) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The tag `team/site:live` of the registry.
    pub(in crate::docker) fn key(&self, path: &str) -> PushKey {
        let name = format!("{}/{path}", self.registry.address());
        PushKey { context: self.docker.context().to_owned(), name }
    }
}

impl Bind for Push {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { docker: bindings.get(on)?, registry: bindings.get(ci_core::DEFAULT)? })
    }
}

impl Publisher for Push {
    const ID: OpId = OpId::new("docker-push");
    const DOES: &'static str = "push to";
    type Key = PushKey;
    type Value = PushedImage;
    type Outcome = Pushed;

    fn level(&self, _: &PushKey) -> Level {
        Level::AboveAverage
    }

    fn serves(&self, key: &PushKey) -> bool {
        key.context == self.docker.context()
    }

    /// Pushing what is there already moves no layer, so a push that a crash cut is simply pushed again.
    async fn publish(&self, job: &Job, key: &PushKey, value: &PushedImage) -> Result<Pushed, OpError> {
        let name: Reference = key
            .name
            .parse()
            .map_err(|e| OpError::permanent(format!("{e}")).with_hint("change the entry's image"))?;
        let image = push::push(&self.docker, job, &value.image, &name, None).await?;
        Ok(Pushed { image, revision: value.revision.clone() })
    }

    /// The registry still has it, under this tag. A registry that does not answer, or refuses to tell, says nothing
    /// against it.
    async fn is_valid(&self, key: &PushKey, _: &PushedImage, pushed: &Pushed) -> Result<bool, OpError> {
        let Ok(name) = key.name.parse::<Reference>() else { return Ok(false) };
        match push::held(&self.docker, &name, None).await {
            Ok(held) => Ok(held.as_ref() == Some(&pushed.image)),
            Err(_) => Ok(true),
        }
    }
}
