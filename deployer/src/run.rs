//! A running deployer: the engine, the registry, the pages and the control socket, started and ended together.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use ci_core::engine::Handle;
use ci_core::event::Event;
use ci_core::{Engine, OpError};
use ci_dsl::docker::Sweeper;
use ci_dsl::git::{Git, Poll, RepoUrl};
use ci_dsl::registry::Registry;
use tokio::sync::broadcast::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::control;
use crate::guarding::Release;
use crate::housekeeping::{Housekeeper, Rules, Tidier};
use crate::settings::Settings;
use crate::table::{self, Repo};
use crate::web::{self, Pages};

/// The registry in the state directory, served until it is stopped.
#[derive(Debug)]
struct Embedded {
    address: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Embedded {
    async fn start(dir: PathBuf) -> anyhow::Result<Self> {
        let registry = tokio::task::spawn_blocking(move || ci_registry::Registry::open(dir)).await??;
        let server = registry.bind().await?;
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        // Dropping the sender stops it, too.
        let task = tokio::spawn(server.run(async { _ = stopped.await }));
        Ok(Self { address, stop, task })
    }

    async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the embedded registry ended badly");
        }
    }
}

/// What `deployer run` starts. It runs until [`Deployer::stop`].
#[derive(Debug)]
pub struct Deployer {
    engine: Handle,
    registry: String,
    state: PathBuf,
    embedded: Option<Embedded>,
    pages: Option<Pages>,
    events: Receiver<Event>,
    control: control::Server,
    release: Option<Release>,
    housekeeper: Housekeeper,
    sweepers: Vec<Sweeper>,
}

impl Deployer {
    /// Starts everything that a table needs.
    ///
    /// # Errors
    ///
    /// When the table makes no sense, the state directory can't be used, or a port can't be had. What had been started
    /// is ended again.
    pub async fn start(settings: &Settings, table: &[Repo]) -> anyhow::Result<Self> {
        // First what needs nothing: a wrong table is told before anything is touched.
        let pipeline = table::lower(table)?;
        settings.check_contexts(table)?;
        settings.check_registry()?;
        let (own, named) = (settings.clone(), table::secrets(table));
        let secrets = tokio::task::spawn_blocking(move || own.read_secrets(&named)).await??;
        let state = settings.state.clone();
        let engine = tokio::task::spawn_blocking(move || Engine::open(&state)).await??;
        // Logs, mirrors and images are nobody else's, even if somebody made the directory for us.
        std::fs::set_permissions(&settings.state, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("can't close {} to others", settings.state.display()))?;
        let taken = web::take(settings).await?;
        let embedded = match &settings.registry {
            Some(_) => None,
            None => {
                let dir = settings.state.join("registry");
                Some(Embedded::start(dir).await.context("the embedded registry did not start")?)
            }
        };
        let registry = match (&settings.registry, &embedded) {
            (Some(address), _) => address.clone(),
            (None, Some(embedded)) => embedded.address.clone(),
            (None, None) => unreachable!("because one of the two was just chosen"),
        };
        let own = settings.clone();
        let options = tokio::task::spawn_blocking(move || own.git()).await?;
        let options = options.with_context(|| format!("can't write to {}", settings.state.display()))?;
        let git = Git::open(&settings.state, options).await?;
        let mut engine = engine
            .confirm(settings.confirm)
            .with(git.clone())
            .with(Poll(settings.poll))
            .with(Registry::new(registry.clone())?);
        for secret in &secrets {
            engine = engine
                .with_secret(secret)
                .map_err(|error| OpError::permanent(error.to_string()).with_hint(error.hint()))?;
        }
        let engines = settings.engines()?;
        for (name, docker) in engines.clone() {
            let limits = settings.limits(name, &docker);
            engine = engine.with_named(name, docker).with_named(name, limits);
        }
        let events = engine.events();
        let engine = engine.start(|| pipeline)?;
        // Before anybody can set the level: what is set is heard.
        let release = settings.confirm_auto_release.map(|after| Release::after(after, engine.clone()));
        let rules = Rules {
            logs: settings.logs,
            images: settings.images,
            engines: engines.into_iter().map(|(_, docker)| docker).collect(),
            mirrors: settings.mirrors,
            git,
            repos: table.iter().filter_map(|repo| RepoUrl::parse(&repo.url).ok()).collect(),
        };
        let tidier = Tidier::new(engine.clone(), rules);
        let control = control::serve(&settings.state, engine.clone(), tidier.clone()).with_context(|| {
            format!(
                "can't listen on {} (a socket's path has at most 107 bytes)",
                control::socket(&settings.state).display()
            )
        })?;
        let pages = match taken {
            Some(taken) => Some(taken.serve(settings, engine.clone()).await?),
            None => None,
        };
        let housekeeper = Housekeeper::start(tidier);
        let sweepers = settings.engines()?.into_iter().map(|(_, docker)| Sweeper::start(&engine, docker));
        let sweepers = sweepers.collect();
        Ok(Self {
            engine,
            registry,
            state: settings.state.clone(),
            embedded,
            pages,
            events,
            control,
            release,
            housekeeper,
            sweepers,
        })
    }

    /// The engine: events, jobs, commands.
    pub fn engine(&self) -> &Handle {
        &self.engine
    }

    /// Everything that happened since the start and happens from now on; asked a second time, from then on.
    pub fn events(&mut self) -> Receiver<Event> {
        let next = self.events.resubscribe();
        std::mem::replace(&mut self.events, next)
    }

    /// The registry that images are pushed to.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The link that lets a browser on this machine see the pages and act on them, if there are pages.
    pub fn link(&self) -> Option<&str> {
        self.pages.as_ref().map(Pages::link)
    }

    /// The state directory.
    pub fn state(&self) -> &std::path::Path {
        &self.state
    }

    /// Ends everything. What was running is found again by the next start.
    pub async fn stop(self) {
        // The socket goes before the lock: a successor's is not taken for ours.
        drop(self.control);
        drop(self.release);
        drop(self.housekeeper);
        drop(self.sweepers);
        self.engine.stop().await;
        if let Some(pages) = self.pages {
            pages.stop().await;
        }
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}
