//! The head of a branch, as a monitor.

use std::time::Duration;

use ci_core::{Monitor, OpError, Watch as Changes};
use tokio::time::{Instant, sleep_until};

use super::client::Git;
use super::commit::{Commit, RefName};
use super::repo::RepoUrl;
use super::watch::Watch;

pub(super) struct Head {
    git: Git,
    repo: RepoUrl,
    reference: RefName,
    every: Duration,
}

/// How often remote repositories are asked for their heads. Bind one to change it; local ones are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll(pub Duration);

impl Default for Poll {
    /// Once a minute.
    fn default() -> Self {
        Self(Duration::from_secs(60))
    }
}

impl Head {
    /// A local repository is read this often though nothing was heard: file systems exist that tell nothing.
    const LOCAL_POLL: Duration = Duration::from_secs(30);

    pub(super) fn new(git: Git, poll: Poll, repo: RepoUrl, reference: RefName) -> Self {
        let every = if repo.is_local() { Self::LOCAL_POLL } else { poll.0 };
        Self { git, repo, reference, every }
    }
}

impl Monitor for Head {
    type Value = Commit;
    type Watch = HeadWatch;

    fn label(&self) -> String {
        format!("head of {} in {}", self.reference.short(), self.repo.as_str())
    }

    async fn watch(&self) -> HeadWatch {
        let watch = match self.git.watch(&self.repo).await {
            Ok(watch) => watch,
            Err(error) => {
                // The read that follows tells people; here it only means that there is nothing to hear.
                tracing::debug!(repo = self.repo.as_str(), %error, "polling a repository that can't be watched");
                None
            }
        };
        let (git, repo, every) = (self.git.clone(), self.repo.clone(), self.every);
        HeadWatch { git, repo, watch, every, due: Instant::now() + every }
    }

    async fn read(&self) -> Result<Commit, OpError> {
        self.git.head(&self.repo, &self.reference).await
    }
}

/// Hears changes of a local repository; a timer for all others, and behind the hearing.
pub(super) struct HeadWatch {
    git: Git,
    repo: RepoUrl,
    watch: Option<Watch>,
    every: Duration,
    due: Instant,
}

impl Changes for HeadWatch {
    async fn changed(&mut self) {
        match &mut self.watch {
            Some(watch) => tokio::select! {
                heard = watch.changed() => {
                    if heard.is_err() {
                        // Replaced by another, perhaps: listen to that one, and read it.
                        self.watch = None;
                    }
                }
                () = sleep_until(self.due) => {}
            },
            None => sleep_until(self.due).await,
        }
        if self.watch.is_none() {
            self.watch = self.git.watch(&self.repo).await.ok().flatten();
        }
        self.due = Instant::now() + self.every;
    }
}
