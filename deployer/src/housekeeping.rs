//! What the deployer tidies up by itself, and can tell before.
//!
//! Each kind of thing is a file with one function, `tidy`: it finds what is due, tells it, and, unless it is only to be
//! told, does it. A thing at a time: who stops this stops it between two.

use std::sync::Arc;
use std::time::Duration;

use ci_core::engine::Handle;
use ci_core::logs::Keep;
use ci_dsl::docker::Docker;
use ci_dsl::git::{Git, RepoUrl};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;

mod images;
mod logs;
mod mirrors;
mod of_use;
mod spent;

use self::of_use::OfUse;
use crate::settings::Budget;

/// How long after the start it is done for the first time: by then the pipeline has read what it is about.
const FIRST_AFTER: Duration = Duration::from_secs(10 * 60);
/// How long it is from one time to the next.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// What there is to do, or what was done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tidied {
    /// The things, at most [`Tidied::LISTED_MAX`].
    pub things: Vec<Thing>,
    /// How many more there are.
    pub unlisted: u64,
    /// How many bytes that frees of those that go. Of what is packed it is known only when that is done.
    pub bytes: u64,
    /// What was not done, and why.
    pub troubles: Vec<String>,
}

/// One thing that is tidied up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// What kind of thing it is: `log`, `image`, `mirror`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// What it takes now, bytes.
    pub bytes: u64,
    /// What is done with it: `pack`, `remove`.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Tidied {
    /// How many things are named.
    pub const LISTED_MAX: usize = 10_000;

    fn add(&mut self, thing: Thing, freed: u64) {
        self.bytes += freed;
        match self.things.len() < Self::LISTED_MAX {
            true => self.things.push(thing),
            false => self.unlisted += 1,
        }
    }
}

/// Whether it is done, or told only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Dry,
    Real,
}

/// How things are kept, and where they are.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) logs: Keep,
    pub(crate) images: Budget,
    /// Where builds leave images.
    pub(crate) engines: Vec<Docker>,
    pub(crate) mirrors: Budget,
    pub(crate) git: Git,
    /// The repositories of the table.
    pub(crate) repos: Vec<RepoUrl>,
}

/// Had by who tidies up, one at a time, until the last of it is done: also what nobody waits for any more has it as long as
/// it runs. `None`: it is only told what is due, which anybody may at any time.
type Turn = Option<Arc<OwnedMutexGuard<()>>>;

/// Tidies up when it is asked to. Clones take turns.
#[derive(Clone, Debug)]
pub(crate) struct Tidier {
    engine: Handle,
    rules: Rules,
    turns: Arc<Mutex<()>>,
}

impl Tidier {
    /// One for each state directory.
    pub(crate) fn new(engine: Handle, rules: Rules) -> Self {
        Self { engine, rules, turns: Arc::default() }
    }

    /// Tells what is due, or does it.
    pub(crate) async fn tidy(&self, run: Run) -> Tidied {
        let turn = match run {
            Run::Dry => None,
            Run::Real => Some(Arc::new(self.turns.clone().lock_owned().await)),
        };
        let (mut tidied, engine) = (Tidied::default(), &self.engine);
        let Rules { logs, images, engines, mirrors, git, repos } = &self.rules;
        mirrors::tidy(git, repos, *mirrors, &turn, &mut tidied).await;
        let of_use = match OfUse::now(engine, &turn).await {
            Ok(Some(of_use)) => of_use,
            Ok(None) => return tidied,
            Err(error) => {
                tidied.troubles.push(format!("what is of use can't be told: {error}"));
                return tidied;
            }
        };
        images::tidy(engine.store(), engines, &of_use, *images, &turn, &mut tidied).await;
        logs::tidy(engine, *logs, &of_use, turn, &mut tidied).await;
        tidied
    }
}

/// Tidies up now and then, until it is dropped.
#[derive(Debug)]
pub(crate) struct Housekeeper(JoinHandle<()>);

impl Housekeeper {
    pub(crate) fn start(tidier: Tidier) -> Self {
        Self(tokio::spawn(async move {
            let mut wait = FIRST_AFTER;
            loop {
                tokio::time::sleep(wait).await;
                let Tidied { things, unlisted, bytes, troubles } = tidier.tidy(Run::Real).await;
                let count = things.len() as u64 + unlisted;
                if count > 0 {
                    tracing::info!(things = count, bytes, "tidied up");
                }
                for trouble in troubles {
                    tracing::warn!("not tidied up: {trouble}");
                }
                wait = EVERY;
            }
        }))
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use ci_core::Engine;
    use ci_core::current::all;
    use ci_dsl::git::GitOptions;

    use super::*;

    /// How long anything is waited for.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn one_at_a_time_tidies_up_and_what_is_due_is_told_meanwhile() {
        let state = tempfile::tempdir().unwrap();
        let engine = Engine::open(state.path()).unwrap().start(|| all([])).unwrap();
        let rules = Rules {
            logs: Keep::default(),
            images: Budget::IMAGES,
            engines: Vec::new(),
            mirrors: Budget::MIRRORS,
            git: Git::open(state.path(), GitOptions::default()).await.unwrap(),
            repos: Vec::new(),
        };
        let tidier = Tidier::new(engine.clone(), rules);
        let first = tidier.turns.clone().lock_owned().await;
        let (dry, real) = (tidier.clone(), tokio::spawn(async move { tidier.tidy(Run::Real).await }));
        // As long as it takes some others that don't wait.
        for _ in 0..10 {
            let told = tokio::time::timeout(PATIENCE, dry.tidy(Run::Dry)).await.unwrap();
            assert_eq!(told.things, []);
        }
        assert!(!real.is_finished(), "somebody else's work is not over");
        drop(first);
        tokio::time::timeout(PATIENCE, real).await.unwrap().unwrap();
        engine.stop().await;
    }
}
