//! Where a reference points, and what people call that commit.

use ci_core::OpError;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::client::{Git, no_repository, unreachable};
use super::commit::{Commit, CommitId, CommitKey, RefName};
use super::repo::RepoUrl;

/// What people know a commit by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommitInfo {
    /// The first line of its message, at most [`CommitInfo::SUBJECT_CHARS_MAX`] characters, without control
    /// characters; what is not UTF-8 is replaced.
    pub subject: String,
    /// Its author's name, at most [`CommitInfo::AUTHOR_CHARS_MAX`] characters, cleaned like the subject.
    pub author: String,
    /// When it was committed, Unix milliseconds, as its committer says.
    pub at_ms: u64,
}

impl CommitInfo {
    /// Longer subjects are cut, and end with `…`.
    pub const SUBJECT_CHARS_MAX: usize = 200;
    /// Longer names are cut, and end with `…`.
    pub const AUTHOR_CHARS_MAX: usize = 80;
    /// How much of what Git says about a commit is read.
    const BYTES_MAX: usize = 16 << 10;
}

impl Git {
    /// The most bytes of a list of references that are read.
    pub const REFS_BYTES_MAX: usize = 4 << 20;
    /// How many of the branches there are is told to one who asked for another.
    pub const BRANCHES_TOLD_MAX: usize = 5;

    /// Where a reference points now; a tag's object is followed to its commit. One question to the repository,
    /// about this reference only.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Permanent`] when there is no such repository or no such reference;
    /// [`ci_core::FailureKind::Infrastructure`] when it can't be reached, or does not let us in. All have a hint, and
    /// all may heal: a watcher reads again.
    pub async fn head(&self, repo: &RepoUrl, reference: &RefName) -> Result<Commit, OpError> {
        if let Some(path) = repo.local_path()
            && !tokio::fs::try_exists(path).await.unwrap_or(false)
        {
            return Err(no_repository(repo));
        }
        let peeled = format!("{}^{{}}", reference.as_str());
        let refs = self.ls_remote(repo, &[reference.as_str(), &peeled]).await?;
        let find = |name: &str| refs.iter().find(|(_, found)| found == name).map(|(id, _)| id.clone());
        match find(&peeled).or_else(|| find(reference.as_str())) {
            Some(id) => Ok(Commit { repo: repo.clone(), reference: reference.clone(), id }),
            None => Err(self.no_reference(repo, reference).await),
        }
    }

    async fn no_reference(&self, repo: &RepoUrl, reference: &RefName) -> OpError {
        let noun = if reference.as_str().starts_with("refs/heads/") { "branch" } else { "reference" };
        let error = OpError::permanent(format!("{} has no {noun} {reference}", repo.name()));
        // Only a courtesy: that the list can't be had changes nothing.
        let heads = self.ls_remote(repo, &["refs/heads/*"]).await.unwrap_or_default();
        let mut names: Vec<&str> =
            heads.iter().filter_map(|(_, name)| name.strip_prefix("refs/heads/")).collect();
        let more = if names.len() > Self::BRANCHES_TOLD_MAX { ", …" } else { "" };
        names.truncate(Self::BRANCHES_TOLD_MAX);
        error.with_hint(match names.as_slice() {
            [] => "it has no branch yet: push one".to_owned(),
            names => format!("push one of that name, or name another: it has {}{more}", names.join(", ")),
        })
    }

    async fn ls_remote(&self, repo: &RepoUrl, names: &[&str]) -> Result<Vec<(CommitId, String)>, OpError> {
        let listed = self
            .reaching(repo, format!("git ls-remote {}", repo.name()), &self.inner.desk)
            .args(["ls-remote", "--", repo.as_str()])
            .args(names)
            .deadline(Self::HEAD_DEADLINE)
            .output(Self::REFS_BYTES_MAX)
            .await
            .map_err(|error| unreachable(repo, error))?;
        let lines = String::from_utf8_lossy(&listed);
        Ok(lines
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(id, name)| Some((id.parse().ok()?, name.to_owned())))
            .collect())
    }

    /// What people know a commit by: from its repository if that is local, else from the mirror, once fetched.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Transient`] when the commit is (still, or no longer) nowhere on this machine.
    pub async fn describe(&self, commit: impl Into<CommitKey>) -> Result<CommitInfo, OpError> {
        let commit = &commit.into();
        let source = commit.repo.local_path().map(|path| path.to_owned());
        for folder in source.into_iter().chain([self.mirror_path(commit)]) {
            // A plumbing command: the repository's configuration has no say in it.
            let git = self
                .local(format!("git rev-list {commit}"), &folder)
                .args(["rev-list", "--max-count=1", "--no-commit-header", "--format=%ct%x00%an%x00%s"])
                .args([commit.id.as_str(), "--"])
                .deadline(Self::HEAD_DEADLINE);
            let Ok(stream) = git.stdout_stream() else { continue };
            // As much as is wanted of a subject that may be as long as its author liked; then Git is stopped.
            let mut stream = std::pin::pin!(stream);
            let mut said = Vec::new();
            while said.len() < CommitInfo::BYTES_MAX
                && let Some(Ok(chunk)) = stream.next().await
            {
                said.extend_from_slice(&chunk);
            }
            if let Some(info) = parse_info(&said) {
                return Ok(info);
            }
        }
        Err(OpError::transient(format!("{commit} is not on this machine yet")))
    }
}

fn parse_info(said: &[u8]) -> Option<CommitInfo> {
    let text = String::from_utf8_lossy(said);
    let mut fields = text.trim_end_matches('\n').splitn(3, '\0');
    let at: u64 = fields.next()?.parse().ok()?;
    let author = clean(fields.next()?, CommitInfo::AUTHOR_CHARS_MAX);
    let subject = clean(fields.next().unwrap_or_default(), CommitInfo::SUBJECT_CHARS_MAX);
    Some(CommitInfo { subject, author, at_ms: at.saturating_mul(1000) })
}

fn clean(text: &str, chars_max: usize) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control()).take(chars_max + 1).collect();
    if let Some((cut, _)) = text.char_indices().nth(chars_max.saturating_sub(1))
        && text.chars().count() > chars_max
    {
        text.truncate(cut);
        text.push('…');
    }
    text
}
