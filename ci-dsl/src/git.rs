//! Git repositories as currents: the head of a branch, fetched and ready to build.

use ci_core::current::{build_with, monitor_with};
use ci_core::store::Glance;
use ci_core::{Bind as _, Bindings, Current, DEFAULT, Foreseen, OpError};

use self::fetch::{Fetch, FetchKey};
use self::monitor::Head;

pub use self::archive::{BadRepoPath, RepoPath};
pub use self::client::{Git, GitOptions};
pub use self::commit::{BadCommitId, BadRefName, Commit, CommitId, CommitKey, RefName};
pub use self::head::CommitInfo;
pub use self::monitor::Poll;
pub use self::repo::{BadRepoUrl, RepoUrl};
pub use self::unused::UnusedMirror;
pub use self::watch::{Watch, WatchLost};

mod archive;
mod client;
mod commit;
mod fetch;
mod head;
mod mirror;
mod monitor;
mod repo;
mod unused;
mod watch;

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo(RepoUrl);

/// A repository or branch name that git could take for something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGit {
    /// The repository.
    #[error(transparent)]
    Repo(#[from] BadRepoUrl),
    /// The branch.
    #[error(transparent)]
    Ref(#[from] BadRefName),
}

/// A repository by its git URL (`https://…`, `ssh://…`, `user@host:path`) or its path on this machine, bare or not.
///
/// # Errors
///
/// When git could take it for something else than a place: an option, a transport that runs commands.
///
/// ```
/// use ci_dsl::git;
///
/// git::repo("https://example.org/site.git")?;
/// git::repo("git@example.org:team/site.git")?;
/// git::repo("/srv/git/site")?;
/// assert!(git::repo("--upload-pack=reboot").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn repo(url: &str) -> Result<Repo, BadGit> {
    Ok(Repo(RepoUrl::parse(url)?))
}

impl Repo {
    /// The newest commit of a branch, once it is fetched. Local repositories are watched, all others polled.
    ///
    /// # Errors
    ///
    /// When no branch can have this name.
    ///
    /// ```
    /// use ci_dsl::git;
    ///
    /// let site = git::repo("/srv/git/site")?;
    /// let short = site.head("live")?.map(|commit| commit.id.short().to_owned());
    /// assert!(site.head("no..branch").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn head(&self, branch: &str) -> Result<Current<Commit>, BadGit> {
        let reference = RefName::parse(&format!("refs/heads/{branch}"))?;
        let (repo, label) = (self.0.clone(), format!("head of {branch} in {}", self.0.as_str()));
        let fetch = format!("fetch {branch} of {}", self.0.name());
        let head = monitor_with(label, move |bindings| {
            let git = Git::bound(bindings, ci_core::DEFAULT)?;
            let poll = bindings.get(ci_core::DEFAULT).unwrap_or_default();
            Ok(Head::new(git, poll, repo.clone(), reference.clone()))
        });
        Ok(build_with(&head, ci_core::DEFAULT, fetch, |_: &Fetch, commit: &Commit| commit.into()))
    }
}

/// What would become of a fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetching {
    /// What would be done.
    pub what: Foreseen<Commit>,
    /// For people: which commit of which branch.
    pub summary: String,
}

/// What an engine with these clients would do to have a commit in the mirror of its repository. Nothing is fetched.
///
/// # Errors
///
/// When there is no [`Git`] among the clients.
pub async fn foresee_fetch(clients: &Bindings, past: &Glance, commit: &Commit) -> Result<Fetching, OpError> {
    let op = Fetch::bind(clients, DEFAULT).map_err(|unbound| OpError::permanent(unbound.to_string()))?;
    let key = FetchKey::from(commit);
    let what = ci_core::foresee_build(op, &key, past).await?;
    Ok(Fetching { what, summary: key.to_string() })
}
