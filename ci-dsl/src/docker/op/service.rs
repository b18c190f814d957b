//! `docker service update`, as a transaction: a Swarm service runs an image, or is as it was.

use std::fmt;
use std::time::Duration;

use ci_core::{Bind, Bindings, Job, Level, OpError, OpId, Publisher, Unbound};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::docker::api::Api;
use crate::docker::client::Docker;
use crate::docker::probe::Probe;
use crate::docker::reference::Pinned;
use crate::docker::service::{self, Evidence, UpdateOptions};

pub use crate::docker::service::NewService;

/// The service, and the engine it is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct ServiceKey {
    pub(in crate::docker) context: String,
    pub(in crate::docker) service: String,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.service, self.context)
    }
}

/// What it is to run, and how that is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct Wanted {
    pub(in crate::docker) image: Pinned,
    pub(in crate::docker) revision: String,
    pub(in crate::docker) watching: Watching,
    #[serde(default)]
    pub(in crate::docker) create: Option<NewService>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.image.fmt(f)
    }
}

/// How new tasks are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watching {
    /// How long every new task must have stayed up, unbroken, before the deployment counts.
    pub stable_for: Duration,
    /// How long the whole judgement may take.
    pub timeout: Duration,
    /// What to ask each new task at its own address, beside the image's health check.
    #[serde(default)]
    pub probe: Option<Probe>,
}

impl Default for Watching {
    fn default() -> Self {
        let UpdateOptions { stable_for, timeout, probe, .. } = UpdateOptions::default();
        Self { stable_for, timeout, probe }
    }
}

/// What was seen running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// The tasks, their image, and how sure it is that they work.
    pub evidence: Evidence,
    /// What the image was built from.
    pub revision: String,
}

pub(in crate::docker) struct Update {
    docker: Docker,
}

impl Update {
    pub(in crate::docker) fn context(&self) -> &str {
        self.docker.context()
    }

    fn api(&self) -> Result<Api, OpError> {
        Api::at(&self.docker.host().to_string())
    }
}

fn options(wanted: &Wanted) -> UpdateOptions {
    let Watching { stable_for, timeout, probe } = wanted.watching.clone();
    // Or a version that is steady for as long as was asked could never be seen so.
    let timeout = timeout.max(stable_for.saturating_mul(2));
    UpdateOptions { stable_for, timeout, probe, create: wanted.create.clone(), registry_auth: None }
}

impl Bind for Update {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { docker: bindings.get(on)? })
    }
}

impl Publisher for Update {
    const ID: OpId = OpId::new("docker-service");
    type Key = ServiceKey;
    type Value = Wanted;
    type Outcome = Deployed;

    fn level(&self, _: &ServiceKey) -> Level {
        Level::Dangerous
    }

    fn serves(&self, key: &ServiceKey) -> bool {
        key.context == self.docker.context()
    }

    async fn publish(&self, job: &Job, key: &ServiceKey, wanted: &Wanted) -> Result<Deployed, OpError> {
        let image = wanted.image.to_string();
        let evidence = service::update(&self.api()?, job, &key.service, &image, &options(wanted)).await?;
        Ok(Deployed { evidence, revision: wanted.revision.clone() })
    }

    /// Without a note nothing was written yet. With one, the world is read back, and the update brought to its end.
    async fn resume(
        &self,
        job: &Job,
        _: &ServiceKey,
        wanted: &Wanted,
        handle: Option<Json>,
    ) -> Result<Option<Deployed>, OpError> {
        let Some(handle) = handle else { return Ok(None) };
        let handle = serde_json::from_value(handle).map_err(|e| {
            OpError::permanent("the note about the update has a form that this program can't read")
                .with_source(e)
        })?;
        let evidence = service::resume(&self.api()?, job, handle, &options(wanted)).await?;
        Ok(Some(Deployed { evidence, revision: wanted.revision.clone() }))
    }

    /// A service that is gone has to be made again, or told as missing. One that somebody set to another image is
    /// theirs: undoing that behind their back would be worse than to say so.
    async fn is_valid(&self, key: &ServiceKey, _: &Wanted, deployed: &Deployed) -> bool {
        let Ok(api) = self.api() else { return true };
        match service::image_of(&api, &key.service).await {
            Ok(None) => false,
            Ok(Some(image)) if image != deployed.evidence.image => {
                tracing::warn!(
                    "service {key} was changed by hand: it is set to {image}, not to {}; it is left so until the next \
                     commit or rebuild",
                    deployed.evidence.image
                );
                true
            }
            // An engine that does not answer says nothing against it.
            Ok(Some(_)) | Err(_) => true,
        }
    }
}
