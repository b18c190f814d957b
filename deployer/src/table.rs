//! The words a deployment table is made of: repository → Dockerfile → (branch, image, services).
//!
//! A table is data: it can be listed and checked before anything runs. [`crate::table::lower()`] makes currents of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ci_dsl::docker;

pub use self::lower::{TableError, lower};
pub use self::named::{UnknownRepo, named};

mod lower;
mod named;

/// A repository and what is made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Repo {
    pub(crate) url: String,
    pub(crate) dockers: Vec<Dockerfile>,
}

/// The contexts that a table names, each with the first service on it.
pub(crate) fn contexts(table: &[Repo]) -> BTreeMap<&str, &str> {
    let dockers = table.iter().flat_map(|repo| &repo.dockers);
    let services = dockers.flat_map(|docker| &docker.deploys).flat_map(|deploy| &deploy.services);
    let mut contexts = BTreeMap::new();
    for service in services.filter(|service| !service.context.is_empty()) {
        contexts.entry(&*service.context).or_insert(&*service.name);
    }
    contexts
}

/// The names of the secrets that a table gives to builds.
pub(crate) fn secrets(table: &[Repo]) -> BTreeSet<String> {
    let dockers = table.iter().flat_map(|repo| &repo.dockers);
    dockers.flat_map(|docker| docker.build.secrets()).map(str::to_owned).collect()
}

/// A repository by its git URL (`https://…`, `ssh://…`, `user@host:path`) or its path on this machine, bare or not. A
/// relative path starts at the directory in which the deployer was started.
pub fn repo(url: impl Into<String>) -> Repo {
    Repo { url: url.into(), dockers: Vec::new() }
}

impl Repo {
    /// Builds one of its Dockerfiles.
    #[must_use]
    pub fn docker(mut self, dockerfile: Dockerfile) -> Self {
        self.dockers.push(dockerfile);
        self
    }
}

/// A Dockerfile, how it is built, and where the image goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dockerfile {
    pub(crate) build: docker::Dockerfile,
    pub(crate) deploys: Vec<Deploy>,
}

/// A Dockerfile by its path in the repository. The whole repository is its context.
pub fn dockerfile(path: impl Into<String>) -> Dockerfile {
    Dockerfile { build: docker::dockerfile(path), deploys: Vec::new() }
}

impl Dockerfile {
    /// See [`docker::Dockerfile::arg`].
    #[must_use]
    pub fn arg(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { build: self.build.arg(name, value), ..self }
    }

    /// See [`docker::Dockerfile::secret`]; the names are those of `[secrets]` in the deployer's settings.
    #[must_use]
    pub fn secret(self, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { build: self.build.secret(id, name), ..self }
    }

    /// See [`docker::Dockerfile::platform`].
    #[must_use]
    pub fn platform(self, platform: impl Into<String>) -> Self {
        Self { build: self.build.platform(platform), ..self }
    }

    /// See [`docker::Dockerfile::timeout`].
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { build: self.build.timeout(timeout), ..self }
    }

    /// When a commit reaches `branch`, pushes its image as `image` (`team/site:live`, in the deployer's registry) and
    /// lets `services` run it. Without services the image is only built and pushed.
    #[must_use]
    pub fn deploy(
        mut self,
        branch: impl Into<String>,
        image: impl Into<String>,
        services: impl IntoIterator<Item = Service>,
    ) -> Self {
        self.deploys.push(Deploy {
            branch: branch.into(),
            image: image.into(),
            services: services.into_iter().collect(),
        });
        self
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deploy {
    pub(crate) branch: String,
    pub(crate) image: String,
    pub(crate) services: Vec<Service>,
}

/// A Docker context: an engine on which services run.
#[derive(Clone, Debug, PartialEq)]
pub struct Context(String);

/// The context of this name, as the deployer's settings declare it.
pub fn context(name: impl Into<String>) -> Context {
    Context(name.into())
}

impl Context {
    /// A service of this context's Swarm.
    pub fn service(&self, name: impl Into<String>) -> Service {
        Service { context: self.0.clone(), ..service(name) }
    }
}

/// A Swarm service that runs an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub(crate) context: String,
    pub(crate) name: String,
    pub(crate) watch: docker::Watching,
    pub(crate) create: Option<docker::NewService>,
}

/// A service of the engine on this machine.
pub fn service(name: impl Into<String>) -> Service {
    Service { context: String::new(), name: name.into(), watch: Default::default(), create: None }
}

impl Service {
    /// How long the new tasks must have stayed up, unbroken, before the deployment counts (default 10 s).
    #[must_use]
    pub fn stable_for(mut self, stable_for: Duration) -> Self {
        self.watch.stable_for = stable_for;
        self
    }

    /// How long a roll-out may take before it is taken back (default 5 minutes). It is at least twice `stable_for`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.watch.timeout = timeout;
        self
    }

    /// Asks each new task, at its own address, for `path` on `port`, until it answers 2xx or 3xx. A path without `/` in
    /// front gets one.
    #[must_use]
    pub fn probe_http(mut self, port: u16, path: impl Into<String>) -> Self {
        let mut path = path.into();
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        self.watch.probe = Some(docker::Probe::Http { port, path });
        self
    }

    /// Creates the service with one replica on `network` when it is missing. Without this, a missing service is an
    /// error that names the command which creates it.
    #[must_use]
    pub fn create_on(mut self, network: impl Into<String>) -> Self {
        self.create = Some(docker::NewService { network: network.into() });
        self
    }
}
