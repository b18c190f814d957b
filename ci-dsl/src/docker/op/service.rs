//! `docker service update`, as a transaction: a Swarm service runs an image, or is as it was.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ci_core::{Bind, Bindings, Failure, Job, Level, OpError, OpId, Publisher, Unbound};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::push::Pushed;
use crate::docker::api::Api;
use crate::docker::client::Docker;
use crate::docker::probe::Probe;
use crate::docker::reference::Pinned;
use crate::docker::service::{self, Evidence, Refusals, Tries, UpdateOptions};

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

impl Wanted {
    pub(in crate::docker) fn new(image: &Pushed, watching: Watching, create: Option<NewService>) -> Self {
        Self { image: image.image.clone(), revision: image.revision.clone(), watching, create }
    }
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
    api: OnceLock<Arc<Api>>,
    refusals: Arc<Refusals>,
    tries: Arc<Tries>,
}

impl Update {
    pub(in crate::docker) fn key(&self, service: &str) -> ServiceKey {
        ServiceKey { context: self.docker.context().to_owned(), service: service.to_owned() }
    }

    pub(in crate::docker) fn api(&self) -> Result<Arc<Api>, OpError> {
        if let Some(api) = self.api.get() {
            return Ok(api.clone());
        }
        let api = Arc::new(Api::at(&self.docker.host().to_string())?);
        Ok(self.api.get_or_init(|| api).clone())
    }

    fn options(&self, wanted: &Wanted) -> UpdateOptions {
        let Watching { stable_for, timeout, probe } = wanted.watching.clone();
        // Or a version that is steady for as long as was asked could never be seen so.
        let timeout = timeout.max(stable_for.saturating_mul(2));
        let (create, refusals, tries) = (wanted.create.clone(), self.refusals.clone(), self.tries.clone());
        UpdateOptions { stable_for, timeout, probe, create, registry_auth: None, refusals, tries }
    }
}

impl Bind for Update {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self {
            docker: bindings.get(on)?,
            api: OnceLock::new(),
            refusals: Arc::default(),
            tries: Arc::default(),
        })
    }
}

impl Publisher for Update {
    const ID: OpId = OpId::new("docker-service");
    const DOES: &'static str = "update service";
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
        let evidence =
            service::update(&*self.api()?, job, &key.service, &image, &self.options(wanted)).await?;
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
        let evidence = service::resume(&*self.api()?, job, handle, &self.options(wanted)).await?;
        Ok(Some(Deployed { evidence, revision: wanted.revision.clone() }))
    }

    /// A service that is gone has to be made again, or told as missing. One that somebody set to another image is
    /// theirs: undoing that behind their back would be worse than to say so, which [`Publisher::drift`] does. While the
    /// engine does not answer, nobody knows.
    async fn is_valid(&self, key: &ServiceKey, _: &Wanted, _: &Deployed) -> Result<bool, OpError> {
        Ok(service::image_of(&*self.api()?, &key.service).await?.is_some())
    }

    async fn changed(&self, key: &ServiceKey) -> Option<()> {
        service::changed(&*self.api().ok()?, &key.service).await;
        Some(())
    }

    async fn drift(
        &self,
        key: &ServiceKey,
        _: &Wanted,
        deployed: &Deployed,
    ) -> Result<Option<Failure>, OpError> {
        let drift =
            service::drift(&*self.api()?, &key.service, &key.to_string(), &deployed.evidence.image).await?;
        Ok(drift.as_ref().map(Failure::from))
    }
}
