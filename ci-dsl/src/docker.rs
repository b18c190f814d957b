//! Docker: images built, run and pushed, and services that run them, as currents.
//!
//! The functions here work on the engine bound under no name; [`on`] names another. They only describe: operations
//! (one file each below `op`) do the work, and know nothing of currents.

use std::collections::BTreeMap;
use std::time::Duration;

use ci_core::current::{build_with, constant, publish_at, try_build_with};
use ci_core::{Current, DEFAULT};

pub use ci_core::executor::Limits as WorkLimits;

pub use self::api::{Api, ApiError};
pub use self::artifact::{ArtifactPath, BadArtifactPath};
pub use self::client::{Docker, DockerHost, EngineInfo};
pub use self::container::Containers;
pub use self::credentials::Credentials;
use self::op::artifact::{Leave, LeaveKey};
use self::op::build::Build;
pub use self::op::build::Built;
pub use self::op::limits::Limits;
use self::op::pread::Pread;
use self::op::pull::Pull;
pub use self::op::pull::Pulled;
pub use self::op::push::Pushed;
use self::op::push::{Push, PushedImage};
use self::op::run::Run;
pub use self::op::service::{Deployed, NewService, Watching};
use self::op::service::{Update, Wanted};
pub use self::probe::Probe;
pub use self::reference::{BadReference, Digest, ImageId, Pinned, Reference};
pub use self::sweeper::Sweeper;
use crate::artifacts::Artifact;
use crate::git::Commit;

pub mod api;
pub mod artifact;
pub mod build;
pub mod client;
pub mod container;
pub mod credentials;
mod failure;
pub mod foresee;
pub mod image;
pub mod kept;
mod op;
pub mod pread;
pub mod probe;
mod progress;
pub mod push;
pub mod reference;
pub mod run;
pub mod service;
mod sweeper;
pub mod tag;
mod tail;

/// How an image is built.
#[derive(Clone, Debug, PartialEq)]
pub struct Dockerfile {
    path: String,
    args: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    platform: Option<String>,
    target: Option<String>,
    timeout: Option<Duration>,
}

/// A Dockerfile by its path in the repository. The whole commit is its context.
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let how = docker::dockerfile("docker/Dockerfile").arg("MODE", "release").platform("linux/arm64");
/// let image = docker::build(&site, how);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dockerfile(path: impl Into<String>) -> Dockerfile {
    Dockerfile {
        path: path.into(),
        args: BTreeMap::new(),
        secrets: BTreeMap::new(),
        platform: None,
        target: None,
        timeout: None,
    }
}

impl Dockerfile {
    /// Sets a build argument. Build arguments stay in the image's history: a value that holds a secret of the engine is
    /// refused. See [`Dockerfile::secret`].
    #[must_use]
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.args.insert(name.into(), value.into());
        self
    }

    /// Lets steps of the Dockerfile mount the engine's secret `name` under `id`, as the file `/run/secrets/<id>`:
    ///
    /// ```dockerfile
    /// RUN --mount=type=secret,id=npm NPM_TOKEN="$(cat /run/secrets/npm)" npm ci
    /// ```
    ///
    /// The secret is in the image only if the step copies it there. Its name is part of what is built, its value is not:
    /// with a new value nothing is built again. What may not have it, by the secret's
    /// [scopes](ci_core::secret::Secret::only), fails before anything is built.
    ///
    /// ```
    /// use ci_dsl::{docker, git};
    ///
    /// let site = git::repo("https://example.org/site.git")?.head("live")?;
    /// let image = docker::build(&site, docker::dockerfile("Dockerfile").secret("npm", "npm-token"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn secret(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        self.secrets.insert(id.into(), name.into());
        self
    }

    /// The names of the secrets that its steps may mount.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.values().map(String::as_str)
    }

    /// Builds for this platform (`linux/arm64`) instead of the engine's own.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Stops at this stage.
    #[must_use]
    pub fn target(mut self, stage: impl Into<String>) -> Self {
        self.target = Some(stage.into());
        self
    }

    /// Stops a build that takes longer than this (an hour, if nothing is said).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// One engine, by the name under which it is bound; and what work on it may use.
#[derive(Clone, Debug)]
pub struct On {
    engine: String,
    limits: WorkLimits,
}

/// The engine bound under this name.
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// // On the engine that was bound by `.with_named("builder", …)`.
/// let image = docker::on("builder").build(&site, docker::dockerfile("Dockerfile"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn on(name: impl Into<String>) -> On {
    On { engine: name.into(), limits: WorkLimits::default() }
}

/// The engine bound under no name, for work that may use this much. See [`On::within`].
///
/// ```
/// use ci_dsl::docker::{self, WorkLimits};
/// use ci_dsl::git;
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, docker::dockerfile("Dockerfile"));
/// let small = WorkLimits { memory_bytes: 512 << 20, ..WorkLimits::default() };
/// let tested = docker::within(small).run(&image, ["./run-tests"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn within(limits: WorkLimits) -> On {
    on(DEFAULT).within(limits)
}

/// Builds an image of each commit. See [`On::build`].
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, docker::dockerfile("Dockerfile"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn build(commit: &Current<Commit>, dockerfile: Dockerfile) -> Current<Built> {
    on(DEFAULT).build(commit, dockerfile)
}

/// Brings an image of a registry to the engine. See [`On::pull`].
///
/// # Errors
///
/// When the text names no image.
///
/// ```
/// use std::time::Duration;
///
/// use ci_dsl::{docker, git};
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
///
/// // A Dockerfile that begins with `ARG BASE` and `FROM $BASE`: built of each commit, and of each new base.
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let base = docker::pull("debian:13")?.valid_for(DAY);
/// let image = base.bind("build", move |base| {
///     docker::build(&site, docker::dockerfile("Dockerfile").arg("BASE", base.image.to_string()))
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pull(name: &str) -> Result<Current<Pulled>, BadReference> {
    on(DEFAULT).pull(name)
}

/// Runs a command in a container of each image. See [`On::run`].
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, docker::dockerfile("Dockerfile"));
/// let tested = docker::run(&image, ["./run-tests", "--all"]);
/// let good = image.gate(&tested);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run<A: Into<String>>(image: &Current<Built>, command: impl IntoIterator<Item = A>) -> Current<()> {
    on(DEFAULT).run(image, command)
}

/// Runs a command in a container of each image, for what it prints. See [`On::pread`].
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, docker::dockerfile("Dockerfile"));
/// let version = docker::pread(&image, ["/site", "--version"]).map(|printed| printed.trim().to_owned());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pread<A: Into<String>>(
    image: &Current<Built>,
    command: impl IntoIterator<Item = A>,
) -> Current<String> {
    on(DEFAULT).pread(image, command)
}

/// Runs a command in a container of each image, for the file or folder that it leaves. See [`On::artifact`].
///
/// # Errors
///
/// When nothing can be at such a path.
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, docker::dockerfile("Dockerfile"));
/// let manual = docker::artifact(&image, ["make", "manual"], "/src/manual")?;
/// assert!(docker::artifact(&image, ["make", "manual"], "../etc/passwd").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn artifact<A: Into<String>>(
    image: &Current<Built>,
    command: impl IntoIterator<Item = A>,
    path: &str,
) -> Result<Current<Artifact>, BadArtifactPath> {
    on(DEFAULT).artifact(image, command, path)
}

/// Pushes each image to the engine's registry. See [`On::push`].
///
/// # Errors
///
/// When no registry takes such a name.
///
/// ```
/// use ci_dsl::{docker, git};
///
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, docker::dockerfile("Dockerfile"));
/// let pushed = docker::push(&image, "team/site:live")?;
/// assert!(docker::push(&image, "Team/Site").is_err(), "names are in lower case");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn push(image: &Current<Built>, name: &str) -> Result<Current<Pushed>, BadReference> {
    on(DEFAULT).push(image, name)
}

/// Lets a Swarm service run each image. See [`On::service`].
///
/// ```
/// use ci_core::Engine;
/// use ci_dsl::docker::{self, Docker, dockerfile};
/// use ci_dsl::git::{self, Git, GitOptions};
/// use ci_dsl::registry::Registry;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let site = git::repo("https://example.org/site.git")?.head("live")?;
/// let image = docker::build(&site, dockerfile("Dockerfile"));
/// let pushed = docker::push(&image, "team/site:live")?;
/// let deployed = docker::service("site_web", &pushed);
///
/// Engine::open("state")?
///     .with(Git::open("state", GitOptions::default()).await?)
///     .with(Docker::local())
///     .with(Registry::new("127.0.0.1:5000")?)
///     .run(|| deployed.ignore())
///     .await?;
/// # Ok(()) }
/// ```
pub fn service(name: impl Into<String>, image: &Current<Pushed>) -> Current<Deployed> {
    on(DEFAULT).service(name, image)
}

impl On {
    /// Limits what [`On::run`], [`On::pread`] and [`On::artifact`] may use; [`WorkLimits::default`] tells what holds without. Other limits are
    /// another question: what ran out of memory runs again when it is given more.
    #[must_use]
    pub fn within(self, limits: WorkLimits) -> Self {
        Self { limits, ..self }
    }

    /// Builds an image of each commit, with BuildKit, from the commit's own files and nothing else.
    pub fn build(&self, commit: &Current<Commit>, dockerfile: Dockerfile) -> Current<Built> {
        let label = format!("build {}", dockerfile.path);
        try_build_with(commit, self.engine.as_str(), label, move |op: &Build, commit: &Commit| {
            op.key(commit, &dockerfile)
        })
    }

    /// Brings an image of a registry to the engine: what the name stands for when this runs first. With
    /// [`Current::valid_for`] it is looked up again from time to time, and the value is another when the name stands for
    /// another image.
    ///
    /// # Errors
    ///
    /// When the text names no image.
    pub fn pull(&self, name: &str) -> Result<Current<Pulled>, BadReference> {
        let name: Reference = name.parse()?;
        let label = format!("pull {name}");
        Ok(build_with(&constant(()), self.engine.as_str(), label, move |op: &Pull, ()| op.key(&name)))
    }

    /// Runs a command in a container of each image; done when it exits with 0. The command is an argument vector: no
    /// shell reads it. It has no network and no privileges, whoever it is, and no more than its [limits](On::within); what it
    /// writes goes with the container. A command that holds a secret of the engine is refused: it would be written down. A container that could not be removed when its job ended is
    /// the business of a [`Sweeper`].
    pub fn run<A: Into<String>>(
        &self,
        image: &Current<Built>,
        command: impl IntoIterator<Item = A>,
    ) -> Current<()> {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        let (label, limits) = (format!("run {}", command.join(" ")), self.limits);
        try_build_with(image, self.engine.as_str(), label, move |op: &Run, image: &Built| {
            op.key(image, &command, limits)
        })
    }

    /// As [`On::run`]; the value is what the command prints to standard output.
    pub fn pread<A: Into<String>>(
        &self,
        image: &Current<Built>,
        command: impl IntoIterator<Item = A>,
    ) -> Current<String> {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        let (label, limits) = (format!("pread {}", command.join(" ")), self.limits);
        try_build_with(image, self.engine.as_str(), label, move |op: &Pread, image: &Built| {
            op.key(image, &command, limits)
        })
    }

    /// As [`On::run`]; the value is the file or folder at `path` (absolute, in the container) when the command has succeeded.
    /// It is kept by the engine's [`crate::artifacts::Artifacts`], which says where. Links and whatever else is no plain file
    /// or folder is refused, and more than [`BYTES_MAX`](crate::artifacts::Artifacts::BYTES_MAX) is.
    ///
    /// # Errors
    ///
    /// When nothing can be at such a path.
    pub fn artifact<A: Into<String>>(
        &self,
        image: &Current<Built>,
        command: impl IntoIterator<Item = A>,
        path: &str,
    ) -> Result<Current<Artifact>, BadArtifactPath> {
        let path = ArtifactPath::parse(path)?;
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        let (label, limits) = (format!("{path} of {}", command.join(" ")), self.limits);
        Ok(try_build_with(image, self.engine.as_str(), label, move |op: &Leave, image: &Built| {
            Ok(LeaveKey { run: op.key(image, &command, limits)?, path: path.clone() })
        }))
    }

    /// Pushes each image to the engine's [`crate::registry::Registry`] as `name` (`team/site:live`). The value says by
    /// which digest it can be had there.
    ///
    /// # Errors
    ///
    /// When no registry takes such a name.
    pub fn push(&self, image: &Current<Built>, name: &str) -> Result<Current<Pushed>, BadReference> {
        crate::registry::Registry::new("registry.invalid")?.reference(name)?;
        let name = name.to_owned();
        Ok(publish_at(
            image,
            self.engine.as_str(),
            format!("push {name}"),
            move |op: &Push| op.key(&name),
            |_, image: &Built| PushedImage::from(image),
        ))
    }

    /// Lets a Swarm service run each image, pinned by digest. Done when the new tasks are seen to stay up; otherwise
    /// the service is set back to what it ran before, and this fails with the reason.
    pub fn service(&self, name: impl Into<String>, image: &Current<Pushed>) -> Current<Deployed> {
        self.service_with(name, image, Watching::default(), None)
    }

    /// As [`On::service`], saying how the new tasks are judged, and how a missing service is created.
    pub fn service_with(
        &self,
        name: impl Into<String>,
        image: &Current<Pushed>,
        watching: Watching,
        create: Option<NewService>,
    ) -> Current<Deployed> {
        let name = name.into();
        let label = match self.engine.as_str() {
            DEFAULT => format!("service {name}"),
            on => format!("service {name} on {on}"),
        };
        publish_at(
            image,
            self.engine.as_str(),
            label,
            move |op: &Update| op.key(&name),
            move |_, image: &Pushed| Wanted::new(image, watching.clone(), create.clone()),
        )
    }
}
