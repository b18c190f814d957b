//! What a deployer that starts now would do, entry by entry, with nothing done.
//!
//! The world is only read: heads by `git ls-remote`, images, tags and services from the engines, the journal beside
//! whoever writes it. What would come of that is decided by the operations themselves (see [`ci_dsl::docker::foresee`]).
//! What depends on something that has to be made first is told as that.

use std::collections::HashSet;
use std::time::Duration;

use ci_core::engine::JobView;
use ci_core::secret::Secrets;
use ci_core::store::Glance;
use ci_core::{Bindings, DEFAULT, Level, OpError};
use ci_dsl::git::Git;
use ci_dsl::registry::Registry;
use futures::StreamExt as _;
use serde::Serialize;

use self::entry::{Does, Entry};
use crate::control::Client;
use crate::settings::Settings;
use crate::table::{self, Repo};

mod entry;
mod text;

/// How many entries are looked into at once.
const ENTRIES_AT_ONCE: usize = 8;
/// How long a running deployer may take to tell its jobs. One that does not is not there, for a plan.
const JOBS_TIMEOUT: Duration = Duration::from_secs(10);
/// How many of a running deployer's jobs are looked through for those under way, which come first.
const JOBS_LOOKED_THROUGH: usize = 1000;
/// What an embedded registry is called that has no port yet. Nobody can ever have stored anything under this name.
const NO_PORT_YET: &str = "127.0.0.1:0";

/// What would be done.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Where images are pushed; `None` for the embedded registry before it has a port.
    registry: Option<String>,
    /// Whether a deployer runs with this state directory.
    running: bool,
    /// Secrets that can't be read here. What asks for them is planned all the same: their values change no plan.
    missing_secrets: Vec<Trouble>,
    /// What was begun and has no end yet, and no entry asks for now.
    begun: Vec<Begun>,
    entries: Vec<Entry>,
}

/// An attempt for something that no entry asks for any more, such as an older commit. The next start, or the deployer
/// that runs, brings it to its end or takes it back.
#[derive(Debug, Serialize)]
struct Begun {
    op: String,
    what: String,
    job: String,
}

/// What the world is read with.
struct Look {
    clients: Bindings,
    git: Git,
    past: Glance,
    /// The embedded registry's directory, if that is the one.
    embedded: Option<ci_registry::Glance>,
    confirm: Option<Level>,
    /// The jobs of the deployer that runs, if one does.
    jobs: Option<Vec<JobView>>,
}

async fn foresee(settings: &Settings, table: &[Repo], only: Option<&str>) -> anyhow::Result<Plan> {
    // What `run` would refuse.
    table::lower(table)?;
    settings.check_registry()?;
    let repos = only.map_or_else(|| Ok(table.to_vec()), |name| table::named(table, name))?;
    let state = settings.state.clone();
    let past = tokio::task::spawn_blocking(move || Glance::at(&state)).await??;
    let embedded = match &settings.registry {
        Some(_) => None,
        None => Some(ci_registry::Glance::at(settings.state.join("registry"))),
    };
    let registry = match (&settings.registry, &embedded) {
        (Some(address), _) => Some(address.clone()),
        (None, Some(embedded)) => embedded.address()?,
        (None, None) => None,
    };
    let git = Git::looking(&settings.state, settings.git()?)?;
    let (own, secrets) = (settings.clone(), Secrets::default());
    let (at_hand, missing) = tokio::task::spawn_blocking(move || own.secrets_at_hand()).await?;
    for secret in at_hand {
        secrets.add(&secret)?;
    }
    let missing = missing.into_iter().map(|error| OpError::from(error).into()).collect();
    let mut clients = Bindings::new();
    clients.bind(DEFAULT, secrets);
    clients.bind(DEFAULT, git.clone());
    clients.bind(DEFAULT, Registry::new(registry.as_deref().unwrap_or(NO_PORT_YET))?);
    for (name, docker) in settings.engines()? {
        clients.bind(name, docker);
    }
    let client = Client::new(&settings.state)?;
    let jobs = tokio::time::timeout(JOBS_TIMEOUT, client.jobs(JOBS_LOOKED_THROUGH)).await;
    let jobs = jobs.ok().and_then(Result::ok);
    let running = jobs.is_some();
    let look = Look { clients, git, past, embedded, confirm: settings.confirm, jobs };
    let mut entries = look.entries(repos.iter()).await;
    told_once(&mut entries);
    let mut begun = begun_elsewhere(&look.past, &entries);
    if only.is_some() && !begun.is_empty() {
        // What the other repositories' entries ask for now is theirs.
        let others = table.iter().filter(|repo| !repos.contains(repo));
        let theirs = look.entries(others).await;
        begun.retain(|begun| !theirs.iter().any(|entry| entry.goes_on_with(&begun.job)));
    }
    if registry.is_none() {
        entries
            .iter_mut()
            .for_each(|entry| entry.each_text(|text| *text = text.replace(NO_PORT_YET, "127.0.0.1:PORT")));
    }
    Ok(Plan { registry, running, missing_secrets: missing, begun, entries })
}

impl Look {
    async fn entries(&self, repos: impl Iterator<Item = &Repo>) -> Vec<Entry> {
        let deploys = repos.flat_map(|repo| {
            repo.dockers
                .iter()
                .flat_map(move |docker| docker.deploys.iter().map(move |deploy| (repo, docker, deploy)))
        });
        let looks = deploys.map(|(repo, docker, deploy)| self.entry(repo, docker, deploy));
        futures::stream::iter(looks).buffered(ENTRIES_AT_ONCE).collect().await
    }
}

fn begun_elsewhere(past: &Glance, entries: &[Entry]) -> Vec<Begun> {
    let begun = past.open_intents().into_iter().map(|open| open.intent);
    let begun = begun.filter(|intent| !entries.iter().any(|entry| entry.goes_on_with(intent.job.as_str())));
    begun.map(|intent| Begun { op: intent.op, what: intent.summary, job: intent.job.to_string() }).collect()
}

/// Two entries may need the same commit or image: it is fetched, or built, once.
fn told_once(entries: &mut [Entry]) {
    let mut told = HashSet::new();
    for step in entries.iter_mut().flat_map(|entry| &mut entry.steps) {
        if !step.does.is_change() {
            continue;
        }
        if !told.insert((step.op, step.identity.clone())) {
            step.does = Does::AsAbove;
            step.notes.clear();
        }
    }
}

impl Plan {
    /// Finds out what [`crate::Deployer::start`] would lead to: for the entries of the repository `only`, or for all.
    /// Nothing is written, neither to the state directory nor to an engine or a registry.
    ///
    /// # Errors
    ///
    /// When nothing can be found out: the table or the settings make no sense, or the state can't be read. What is only
    /// wrong with an entry is told there.
    pub async fn of(settings: &Settings, table: &[Repo], only: Option<&str>) -> anyhow::Result<Self> {
        foresee(settings, table, only).await
    }

    /// Whether something would be done.
    pub fn has_changes(&self) -> bool {
        let mut steps = self.entries.iter().flat_map(|entry| &entry.steps);
        !self.begun.is_empty() || steps.any(|step| step.does.is_change())
    }

    /// Whether something could not be found out, or has failed for good.
    pub fn has_errors(&self) -> bool {
        self.entries.iter().any(Entry::has_error)
    }

    /// For programs. What could steer a terminal is escaped.
    ///
    /// # Errors
    ///
    /// None is known: a plan holds only texts.
    pub fn json(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string_pretty(self)?;
        // Beyond ASCII's first 32, which JSON escapes: these can only stand inside of strings.
        let steers = |c: char| c.is_control() && c != '\n';
        Ok(json
            .chars()
            .map(|c| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
            .collect())
    }
}

/// What went wrong, for people.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trouble {
    message: String,
    hint: Option<String>,
}

impl From<OpError> for Trouble {
    fn from(error: OpError) -> Self {
        Self { message: error.message().to_owned(), hint: error.hint().map(str::to_owned) }
    }
}
