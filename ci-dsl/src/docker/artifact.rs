//! `docker run` for the files that it leaves.

use std::fmt;
use std::path::{Component, Path};
use std::time::Duration;

use ci_core::executor::{Executor, Output, Work, WorkId};
use ci_core::{FailureKind, Job, OpError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::run::{Sink, again, start};
use crate::artifacts::{Artifact, Artifacts};

/// How long fetching, unpacking and syncing an artifact may take, all tries together: the largest at 1 MiB/s, and as long
/// again for the disk.
pub const KEEP_TIMEOUT: Duration = Duration::from_secs(2 * (Artifacts::BYTES_MAX >> 20));
/// How often keeping it is tried while the machinery fails, as with a full disk: the work was done, and is not done again as
/// long as its container is there.
const KEEP_TRIES: u32 = 5;
/// How long the first pause between two tries is. Each is three times as long as the one before: 40 s together.
const KEEP_PAUSE: Duration = Duration::from_secs(1);

/// An absolute path in a container that names something in a folder: `/src/dist`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactPath(String);

/// No artifact can be there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is no path of an artifact: {why}")]
pub struct BadArtifactPath {
    path: String,
    why: &'static str,
}

impl ArtifactPath {
    /// The longest path, bytes.
    pub const BYTES_MAX: usize = 1024;

    /// Checks a path.
    ///
    /// # Errors
    ///
    /// Unless it is absolute, leads down only, and ends with a name.
    pub fn parse(path: &str) -> Result<Self, BadArtifactPath> {
        let bad = |why| Err(BadArtifactPath { path: path.chars().take(200).collect(), why });
        let parts = Path::new(path).components();
        match path {
            _ if path.len() > Self::BYTES_MAX => bad("it is too long"),
            _ if path.contains('\0') => bad("it holds a zero byte"),
            _ if !path.starts_with('/') => bad("it does not begin with '/'"),
            _ if parts.clone().any(|part| part == Component::ParentDir) => bad("it holds '..'"),
            _ if parts.count() < 2 => bad("it names no file or folder"),
            _ => Ok(Self(path.to_owned())),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ArtifactPath {
    type Error = BadArtifactPath;

    fn try_from(text: String) -> Result<Self, BadArtifactPath> {
        Self::parse(&text)
    }
}

impl From<ArtifactPath> for String {
    fn from(path: ArtifactPath) -> Self {
        path.0
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs `work` as [`super::run::run`] does, and keeps what is at `path` when it has succeeded.
///
/// # Errors
///
/// Those of [`super::run::run`]; [`ci_core::FailureKind::Permanent`] when nothing is there, or something that is no
/// artifact: see [`Artifacts`] for how much it may be.
pub async fn artifact(
    executor: &dyn Executor,
    job: &Job,
    work: &Work,
    path: &ArtifactPath,
    artifacts: &Artifacts,
) -> Result<Artifact, OpError> {
    stored(&start(executor, job, work, &mut Left { path, artifacts }).await?)
}

/// Goes on with the [`artifact`] of a process that died, as [`super::run::resume`] does.
///
/// # Errors
///
/// Those of [`artifact`].
pub async fn resume(
    executor: &dyn Executor,
    job: &Job,
    noted: Option<&Json>,
    path: &ArtifactPath,
    artifacts: &Artifacts,
) -> Result<Option<Artifact>, OpError> {
    again(executor, job, noted, &mut Left { path, artifacts }).await?.as_deref().map(stored).transpose()
}

fn stored(text: &str) -> Result<Artifact, OpError> {
    serde_json::from_str(text)
        .map_err(|e| OpError::infrastructure("the note of an artifact can't be read").with_source(e))
}

struct Left<'a> {
    path: &'a ArtifactPath,
    artifacts: &'a Artifacts,
}

impl Left<'_> {
    async fn keep(&self, executor: &dyn Executor, work: &WorkId) -> Result<Artifact, OpError> {
        let mut pause = KEEP_PAUSE;
        for _ in 1..KEEP_TRIES {
            match self.artifacts.keep(executor.files(work, self.path.as_str())).await {
                // Not a word in the log: its length says how much of the output was read.
                Err(error) if error.kind() != FailureKind::Permanent => {
                    tracing::warn!(%work, %error, "an artifact can't be kept: trying again in {pause:?}");
                }
                result => return result,
            }
            tokio::time::sleep(pause).await;
            pause *= 3;
        }
        self.artifacts.keep(executor.files(work, self.path.as_str())).await
    }
}

impl Sink for Left<'_> {
    fn wants_all(&self) -> bool {
        false
    }

    fn take(&mut self, _: &Output) -> Result<(), OpError> {
        Ok(())
    }

    fn value<'a>(
        &'a mut self,
        executor: &'a dyn Executor,
        work: &'a WorkId,
    ) -> BoxFuture<'a, Result<String, OpError>> {
        async move {
            let kept = tokio::time::timeout(KEEP_TIMEOUT, self.keep(executor, work)).await;
            let kept = kept.unwrap_or_else(|_| {
                Err(OpError::infrastructure(format!("the artifact is not kept after {KEEP_TIMEOUT:?}"))
                    .with_hint("see what slows down the disk, or the way to the Docker engine"))
            })?;
            serde_json::to_string(&kept)
                .map_err(|e| OpError::infrastructure("the artifact can't be noted").with_source(e))
        }
        .boxed()
    }
}
