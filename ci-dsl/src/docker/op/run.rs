//! `docker run`: a command in a container, to its exit.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ci_core::executor::{Executor as _, Limits as WorkLimits, Work};
use ci_core::secret::Secrets;
use ci_core::{Bind, Bindings, Builder, DEFAULT, Job, Level, OpError, OpId, Owner, Pool, Share, Unbound};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::build::Built;
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

/// What may take its time besides the work itself: an engine that is away, the request to stop, the rest of the output, and
/// calls to the engine before and after.
const AROUND: Duration = Containers::ENGINE_ABSENT_MAX
    .saturating_add(Containers::STOP_GRACE)
    .saturating_add(run::LOG_DRAIN_TIMEOUT)
    .saturating_add(Duration::from_secs(60));

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
    secrets: Secrets,
}

impl Run {
    fn context(&self) -> &str {
        self.containers.docker().context()
    }

    /// # Errors
    ///
    /// When the command holds a secret: a key is written down, and shown.
    pub(in crate::docker) fn key(
        &self,
        image: &Built,
        command: &[String],
        limits: WorkLimits,
    ) -> Result<RunKey, OpError> {
        // As it is shown, too: a secret may have spaces.
        let is_told = |text: &str| self.secrets.text(text) != text;
        if command.iter().any(|argument| is_told(argument)) || is_told(&command.join(" ")) {
            return Err(OpError::permanent(
                "docker run: the command holds a secret, and commands are written down and shown",
            )
            .with_hint(
                "let a step of the image's build do what needs it, by `.secret(\"id\", \"name\")`: a command has no \
                 network to use it with",
            ));
        }
        Ok(RunKey {
            context: self.context().to_owned(),
            image: image.id.clone(),
            command: command.to_vec(),
            limits,
        })
    }

    pub(super) fn containers(&self) -> &Containers {
        &self.containers
    }
}

impl Bind for Containers {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self::of(bindings.get(on)?, &bindings.get::<Owner>(DEFAULT)?))
    }
}

impl Bind for Run {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self {
            containers: Containers::bind(bindings, on)?,
            limits: bindings.get(on).unwrap_or_default(),
            secrets: bindings.get(DEFAULT).unwrap_or_default(),
        })
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

    /// Longer than the executor's own limits, which say more.
    fn timeout(&self, key: &RunKey) -> Duration {
        key.limits.timeout.saturating_add(AROUND)
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
        self.containers.discard(job.id()).await
    }
}
