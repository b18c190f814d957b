//! Bare mirrors: every commit that a job works with is brought here first, and kept.
//!
//! A mirror holds no branches, only `refs/ci/keep/<id>` for every commit that was asked for. A keep is set only when
//! everything the commit needs is there, and while it stands Git deletes none of that; so *kept* means *whole*.
//!
//! **Fetching** asks for the reference the commit was found by, never for the commit by its id: servers that share
//! objects between forks hand out, by id, commits that were never in the repository. So a commit that its branch has
//! left (a force-push) is superseded, even if the server still has it: the branch has a newer head to be built.
//!
//! **What can go wrong**: a fetch that is cut leaves objects that nothing keeps, and a mirror that works; Git checks
//! that all is there before it relies on them, and so do we. A mirror is made beside its place and moved there. A
//! mirror that is damaged (a kept commit that is not whole; one that fails `git fsck`, asked once, when fetches fail
//! although the repository answers) is thrown away and made again, once for each fetch. Those who read it just then fail, as
//! they would have with the damaged one.

use std::path::{Path, PathBuf};

use ci_core::process::ProcessError;
use ci_core::{FailureKind, Job, OpError};
use sha2::{Digest as _, Sha256};

use super::client::{Checked, Git, UNFINISHED, no_repository, says_no_repository, unreachable};
use super::commit::{Commit, CommitId, CommitKey};
use super::repo::RepoUrl;

/// Highest precedence of all attributes: a build context is what a checkout would hold, not what its author leaves
/// out of release archives.
const ATTRIBUTES: &str = "* -export-ignore -export-subst\n";

/// How much of a commit a mirror holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Whole,
    /// Some of it, from a fetch that was cut.
    Partly,
    Absent,
    /// The mirror is damaged.
    Broken,
}

impl Git {
    /// When a mirror has more files of packs than this (a pack has three), its packs are joined.
    pub const PACK_FILES_MAX: usize = 60;

    /// Brings a commit, and all it needs, to the mirror of its repository, and keeps it. Quick when it is there.
    /// Call it before [`Git::archive`] and [`Git::read_file`]: results outlive mirrors.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Superseded`] when the reference no longer leads to the commit or is gone;
    /// [`FailureKind::Permanent`] when what the repository holds is malformed; [`FailureKind::Infrastructure`] when it
    /// can't be reached now. What Git says is in the job's log.
    pub async fn fetch(&self, job: &Job, commit: &Commit) -> Result<(), OpError> {
        let mirror = Mirror { git: self, path: self.mirror_path(&commit.key()), commit };
        let turn = self.turn(&mirror.path);
        let mut turn = job.cancellable(async { Ok(turn.lock().await) }).await?;
        match mirror.fetch_once(job, &mut turn).await? {
            Held::Whole => return Ok(()),
            Held::Absent => return Err(mirror.gone()),
            Held::Partly | Held::Broken => {}
        }
        job.say(format_args!("The mirror of {} is damaged. It is made again.", commit.repo.name()));
        discard(&self.inner.home, &mirror.path).await.map_err(|e| mirror.unusable(e))?;
        match mirror.fetch_once(job, &mut turn).await? {
            Held::Whole => Ok(()),
            Held::Absent => Err(mirror.gone()),
            Held::Partly | Held::Broken => Err(OpError::infrastructure(format!(
                "the mirror of {} is damaged although it is new",
                commit.repo.name()
            ))
            .with_hint("check the disk")),
        }
    }

    /// Where the mirror of a commit's repository is, made or not.
    pub(super) fn mirror_path(&self, commit: &CommitKey) -> PathBuf {
        // A mirror holds ids of one kind.
        let format = match commit.id.object_format() {
            "sha1" => "",
            _ => "-sha256",
        };
        self.inner.home.join(format!("{}{format}.git", stem(&commit.repo)))
    }
}

/// How the names of a repository's mirrors begin.
pub(super) fn stem(repo: &RepoUrl) -> String {
    let digest = hex::encode(&Sha256::digest(repo.as_str().as_bytes())[..6]);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = repo.name().chars().take(40).map(plain).collect();
    format!("{name}-{digest}")
}

/// Moves a mirror out of the way, then deletes it.
pub(super) async fn discard(home: &Path, mirror: &Path) -> std::io::Result<()> {
    let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(home)?;
    match tokio::fs::rename(mirror, unfinished.path().join("old.git")).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tokio::task::spawn_blocking(move || unfinished.close()).await.map_err(std::io::Error::other).flatten()
}

fn keep(id: &CommitId) -> String {
    format!("refs/ci/keep/{id}")
}

struct Mirror<'a> {
    git: &'a Git,
    path: PathBuf,
    commit: &'a Commit,
}

impl Mirror<'_> {
    /// Looks, fetches if needed, looks again, keeps.
    async fn fetch_once(&self, job: &Job, checked: &mut Checked) -> Result<Held, OpError> {
        let (name, id) = (self.commit.repo.name(), &self.commit.id);
        self.make().await?;
        match self.held(job).await? {
            Held::Whole => {
                job.say(format_args!("{name} has {} already: nothing to fetch.", id.short()));
                return self.keep(job).await;
            }
            Held::Broken => return Ok(Held::Broken),
            Held::Absent | Held::Partly => {}
        }
        job.say(format_args!(
            "Fetching {} for {} from {}",
            self.commit.reference,
            id.short(),
            self.commit.repo
        ));
        let fetched = self
            .git
            .reaching(&self.commit.repo, format!("git fetch {name}"), &self.path)
            .env("GIT_DIR", &self.path)
            .args(["fetch", "--progress", "--force", "--no-tags", "--no-recurse-submodules"])
            .args(["--no-write-fetch-head", "--no-auto-maintenance", "--"])
            .args([self.commit.repo.as_str(), self.commit.reference.as_str()])
            .deadline(Git::FETCH_DEADLINE)
            .run(job)
            .await;
        match fetched {
            Ok(()) => match self.held(job).await? {
                Held::Whole => {
                    *checked = Checked(false);
                    self.join_packs(job).await?;
                    self.keep(job).await
                }
                held => Ok(held),
            },
            Err(error) if error.complaints().contains("couldn't find remote ref") => Ok(Held::Absent),
            // Its branch was read a moment ago: that it is away now says nothing about the commit.
            Err(error) if says_no_repository(&error) => {
                Err(no_repository(&self.commit.repo).with_kind(FailureKind::Infrastructure))
            }
            Err(error) => {
                let error = unreachable(&self.commit.repo, error);
                if error.kind() == FailureKind::Infrastructure
                    && !checked.0
                    && self.is_to_blame(job, checked).await?
                {
                    return Ok(Held::Broken);
                }
                Err(error)
            }
        }
    }

    /// Whether a fetch failed since the mirror is damaged: only looked at when the repository itself answers, as it
    /// means reading the whole mirror.
    async fn is_to_blame(&self, job: &Job, checked: &mut Checked) -> Result<bool, OpError> {
        if job.cancellable(self.git.head(&self.commit.repo, &self.commit.reference)).await.is_err() {
            return Ok(false);
        }
        let fsck =
            self.look(job, "git fsck", &["fsck", "--full", "--no-dangling", "--no-progress"], "").await?;
        *checked = Checked(fsck.is_some());
        Ok(fsck.is_none())
    }

    async fn held(&self, job: &Job) -> Result<Held, OpError> {
        let id = self.commit.id.as_str();
        let names = format!("{}\n{id}\n", keep(&self.commit.id));
        let Some(said) = self.look(job, "git cat-file", &["cat-file", "--batch-check"], &names).await? else {
            return Ok(Held::Broken);
        };
        let is_commit = |line: &str| line.starts_with(&format!("{id} commit "));
        let mut lines = said.lines().map(is_commit);
        match (lines.next() == Some(true), lines.next() == Some(true)) {
            (true, _) => {
                let tree = ["rev-list", "--objects", "--quiet", "--no-walk", id, "--"];
                Ok(self.look(job, "git rev-list", &tree, "").await?.map_or(Held::Broken, |_| Held::Whole))
            }
            (false, true) => {
                let all = ["rev-list", "--objects", "--quiet", id, "--not", "--glob=refs/ci/keep/*", "--"];
                Ok(self.look(job, "git rev-list", &all, "").await?.map_or(Held::Partly, |_| Held::Whole))
            }
            (false, false) => Ok(Held::Absent),
        }
    }

    /// Joins packs when there are many: each fetch brings one, and each makes every look a little slower. Those who
    /// read meanwhile are not disturbed. That it fails is only said: the mirror is good without it.
    async fn join_packs(&self, job: &Job) -> Result<(), OpError> {
        let packs = self.path.join("objects/pack");
        let count =
            tokio::task::spawn_blocking(move || packs.read_dir().map_or(0, |entries| entries.count())).await;
        if count.is_ok_and(|files| files > Git::PACK_FILES_MAX) {
            self.look(job, "git repack", &["repack", "--geometric=2", "-d", "--quiet"], "").await?;
        }
        Ok(())
    }

    async fn keep(&self, job: &Job) -> Result<Held, OpError> {
        let id = self.commit.id.as_str();
        let kept = self
            .look(job, "git update-ref", &["update-ref", "--no-deref", &keep(&self.commit.id), id], "")
            .await?;
        Ok(kept.map_or(Held::Broken, |_| Held::Whole))
    }

    /// What Git says in the mirror; `None` when it fails.
    async fn look(
        &self,
        job: &Job,
        what: &str,
        args: &[&str],
        stdin: &str,
    ) -> Result<Option<String>, OpError> {
        let said = self
            .git
            .local(what, &self.path)
            .env("GIT_DIR", &self.path)
            .args(args)
            .stdin(stdin.to_owned())
            .deadline(Git::LOOK_DEADLINE)
            .for_job(job)
            .output(Git::REFS_BYTES_MAX)
            .await;
        match said {
            Ok(said) => Ok(Some(String::from_utf8_lossy(&said).into_owned())),
            Err(ProcessError::Failed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an empty mirror if there is none: beside its place, then moved there.
    async fn make(&self) -> Result<(), OpError> {
        if tokio::fs::try_exists(&self.path).await.map_err(|e| self.unusable(e))? {
            return Ok(());
        }
        let unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.git.inner.home)
            .map_err(|e| self.unusable(e))?;
        let new = unfinished.path().join("new.git");
        let format = format!("--object-format={}", self.commit.id.object_format());
        self.git
            .local("git init", unfinished.path())
            .args(["init", "--quiet", "--bare", "--template=", &format, "new.git"])
            .deadline(Git::LOOK_DEADLINE)
            .output(Git::REFS_BYTES_MAX)
            .await?;
        let place = async || {
            tokio::fs::create_dir_all(new.join("info")).await?;
            tokio::fs::write(new.join("info/attributes"), ATTRIBUTES).await?;
            tokio::fs::rename(&new, &self.path).await
        };
        place().await.map_err(|e| self.unusable(e))
    }

    fn gone(&self) -> OpError {
        let Commit { repo, reference, id } = self.commit;
        OpError::new(
            FailureKind::Superseded,
            format!("commit {} is no longer in {reference} of {}", id.short(), repo.name()),
        )
        .with_hint("it was force-pushed away; the branch's new head takes its place")
    }

    fn unusable(&self, error: std::io::Error) -> OpError {
        let place: &Path = &self.git.inner.home;
        OpError::infrastructure(format!("a mirror in {} can't be made: {error}", place.display()))
            .with_hint("check that the directory can be written and the disk is not full")
    }
}
