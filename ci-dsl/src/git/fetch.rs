//! `git fetch`: a commit, in the mirror of its repository.

use std::fmt;

use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Unbound};
use serde::{Deserialize, Serialize};

use super::client::Git;
use super::commit::Commit;

/// What to fetch. Two branches that point to one commit give two keys: the branch is what it is fetched by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FetchKey {
    commit: Commit,
}

impl From<&Commit> for FetchKey {
    fn from(commit: &Commit) -> Self {
        Self { commit: commit.clone() }
    }
}

impl fmt::Display for FetchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.commit, self.commit.reference.short())
    }
}

pub(super) struct Fetch {
    git: Git,
}

impl Bind for Fetch {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { git: Git::bound(bindings, on)? })
    }
}

impl Builder for Fetch {
    const ID: OpId = OpId::new("git-fetch");
    const DOES: &'static str = "fetch";
    /// What was fetched stays in the mirror, so finishing costs less than starting again.
    const AUTO_CANCEL: bool = false;
    type Key = FetchKey;
    type Value = Commit;

    fn level(&self, key: &FetchKey) -> Level {
        if key.commit.repo.is_local() { Level::Harmless } else { Level::MostlyHarmless }
    }

    async fn build(&self, job: &Job, key: &FetchKey) -> Result<Commit, OpError> {
        self.git.fetch(job, &key.commit).await?;
        Ok(key.commit.clone())
    }

    async fn is_valid(&self, key: &FetchKey, _: &Commit) -> bool {
        self.git.has(&key.commit).await
    }
}
