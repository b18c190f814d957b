//! `docker build`: from a commit to an image on the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ci_core::secret::Secrets;
use ci_core::{Bind, Bindings, Builder, DEFAULT, Job, KeyDigest, Level, OpError, OpId, Pool, Share, Unbound};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use crate::docker::Dockerfile;
use crate::docker::build::{self, BuildOptions, Confided};
use crate::docker::client::Docker;
use crate::docker::reference::{ImageId, Reference};
use crate::docker::{image, kept};
use crate::git::{Commit, CommitKey, Git, RepoPath};

/// The longest Dockerfile, bytes.
const DOCKERFILE_BYTES_MAX: usize = 1 << 20;

/// What to build. Every field can change the image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::docker) struct BuildKey {
    pub(in crate::docker) context: String,
    pub(in crate::docker) commit: CommitKey,
    pub(in crate::docker) dockerfile: String,
    pub(in crate::docker) args: BTreeMap<String, String>,
    /// Names of secrets by the ids under which steps mount them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::docker) secrets: BTreeMap<String, String>,
    pub(in crate::docker) platform: Option<String>,
    pub(in crate::docker) target: Option<String>,
    /// A build that had too little time has another key than one that has enough.
    pub(in crate::docker) timeout_s: Option<u64>,
}

impl BuildKey {
    fn timeout(&self) -> Duration {
        self.timeout_s.map_or(BuildOptions::TIMEOUT, Duration::from_secs)
    }
}

impl fmt::Display for BuildKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.dockerfile, self.commit)?;
        self.platform.as_ref().map_or(Ok(()), |platform| write!(f, " for {platform}"))
    }
}

/// An image on the engine that built it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// Its id.
    pub id: ImageId,
    /// What it runs on: `amd64`.
    pub architecture: String,
    /// The name by which the engine keeps it.
    pub tag: Reference,
    /// What it was built from.
    pub revision: String,
}

pub(in crate::docker) struct Build {
    docker: Docker,
    git: Git,
    limits: Limits,
    secrets: Secrets,
}

impl Build {
    pub(in crate::docker) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// # Errors
    ///
    /// When the commit may not have a secret, or an argument holds one: a key is written down.
    pub(in crate::docker) fn key(&self, commit: &Commit, how: &Dockerfile) -> Result<BuildKey, OpError> {
        for name in how.secrets.values() {
            self.secrets.permit(name, commit.repo.as_str(), commit.reference.as_str())?;
        }
        build::check_args(&how.args, &self.secrets)?;
        Ok(BuildKey {
            context: self.docker.context().to_owned(),
            commit: commit.key(),
            dockerfile: how.path.clone(),
            args: how.args.clone(),
            secrets: how.secrets.clone(),
            platform: how.platform.clone(),
            target: how.target.clone(),
            timeout_s: how.timeout.map(|t| t.as_secs()),
        })
    }

    fn confided(&self, key: &BuildKey) -> Result<Confided, OpError> {
        let named = |(id, name): (&String, &String)| Ok((id.clone(), self.secrets.named(name)?));
        Ok(Confided {
            secrets: key.secrets.iter().map(named).collect::<Result<_, OpError>>()?,
            ..Default::default()
        })
    }
}

impl Bind for Build {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self {
            docker: bindings.get(on)?,
            git: Git::bound(bindings, DEFAULT)?,
            limits: bindings.get(on).unwrap_or_default(),
            secrets: bindings.get(DEFAULT).unwrap_or_default(),
        })
    }
}

/// The name that marks the image of a key. Not a label: labels change the digest.
pub(in crate::docker) fn mark(key: &BuildKey) -> Result<Reference, OpError> {
    let fields = serde_json::to_value(key).map_err(|e| OpError::permanent("no such key").with_source(e))?;
    kept::mark(&KeyDigest::of(&fields))
        .parse()
        .map_err(|e| OpError::permanent("the image can't be named").with_source(e))
}

/// What is noted before a build begins.
#[derive(Debug, Serialize, Deserialize)]
struct Marked {
    /// The image that the key's mark stood for.
    before: Option<ImageId>,
}

/// The whole id, and where it is from.
fn revision(key: &BuildKey) -> String {
    format!("{}@{}", key.commit.repo.as_str(), key.commit.id.as_str())
}

impl Builder for Build {
    const ID: OpId = OpId::new("docker-build");
    const DOES: &'static str = "build";
    const AUTO_CANCEL: bool = true;
    type Key = BuildKey;
    type Value = Built;

    fn level(&self, _: &BuildKey) -> Level {
        Level::Average
    }

    fn pool(&self) -> Option<&Pool> {
        Some(&self.limits.builds)
    }

    fn share(&self, key: &BuildKey) -> Share {
        Share::of(key.commit.repo.as_str())
    }

    /// Longer than the build's own limit, which says more.
    fn timeout(&self, key: &BuildKey) -> Duration {
        key.timeout().saturating_add(Duration::from_secs(60))
    }

    fn serves(&self, key: &BuildKey) -> bool {
        key.context == self.docker.context()
    }

    async fn build(&self, job: &Job, key: &BuildKey) -> Result<Built, OpError> {
        let confided = self.confided(key)?;
        let path = RepoPath::parse(&key.dockerfile)
            .map_err(|e| OpError::permanent(e.to_string()).with_hint("change the entry's dockerfile(…)"))?;
        let Some(text) = self.git.read_file(&key.commit, &path, DOCKERFILE_BYTES_MAX).await? else {
            return Err(OpError::permanent(format!("{} has no file {path}", key.commit))
                .with_hint("add it, or change the entry's dockerfile(…)"));
        };
        let tag = mark(key)?;
        // An earlier build of this key may have left its mark: what is found after a crash must be another image.
        job.note(&Marked { before: image::inspect(&self.docker, &tag).await?.map(|image| image.id) }).await?;
        let mut options = BuildOptions::new(tag.clone());
        options.dockerfile.clone_from(&key.dockerfile);
        options.args.clone_from(&key.args);
        options.platform.clone_from(&key.platform);
        options.target.clone_from(&key.target);
        options.timeout = key.timeout();
        let text = String::from_utf8_lossy(&text);
        let context = self.git.archive(&key.commit, None).await?;
        let image = build::build(&self.docker, job, &options, Some(&text), context, &confided).await?;
        Ok(Built { id: image.id, architecture: image.architecture, tag, revision: revision(key) })
    }

    /// A build ends with its connection; if it had ended before, its mark is there.
    async fn resume(
        &self,
        job: &Job,
        key: &BuildKey,
        handle: Option<serde_json::Value>,
    ) -> Result<Option<Built>, OpError> {
        let Some(Marked { before }) = handle.and_then(|handle| serde_json::from_value(handle).ok()) else {
            return Ok(None);
        };
        let tag = mark(key)?;
        let found = image::inspect(&self.docker, &tag).await?;
        let Some(image) = found.filter(|image| Some(&image.id) != before.as_ref()) else { return Ok(None) };
        job.say(format_args!("The build had ended: found {}", image.id));
        Ok(Some(Built { id: image.id, architecture: image.architecture, tag, revision: revision(key) }))
    }

    async fn is_valid(&self, _: &BuildKey, built: &Built) -> bool {
        match build::is_valid(&self.docker, &built.tag, &built.id).await {
            Ok(valid) => valid,
            // An engine that does not answer says nothing against the image; who needs it will tell.
            Err(error) => error.kind().is_retried(),
        }
    }
}
