//! A source repository, a state directory, and jobs to work with them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ci_core::job::{Cancel, HandleSink, Log};
use ci_core::{Job, JobId, OpError, OpId};
use ci_dsl::git::{Commit, Git, GitOptions, RefName, RepoUrl};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tempfile::TempDir;
use testbed::GitServer;

/// All that a test makes lies in here, and goes with it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) git: Git,
    jobs: AtomicU32,
}

struct NoNotes;

impl HandleSink for NoNotes {
    fn record(&self, _: &JobId, _: serde_json::Value) -> BoxFuture<'_, Result<(), OpError>> {
        async { Ok(()) }.boxed()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_env(&[]).await
    }

    pub(crate) async fn with_env(env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self::with(TempDir::new().unwrap(), GitOptions { env, ssh_config: None }).await
    }

    pub(crate) async fn with(folder: TempDir, options: GitOptions) -> Self {
        let git = Git::open(folder.path().join("state"), options).await.unwrap();
        Self { folder, git, jobs: AtomicU32::new(0) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn job(&self) -> Job {
        let n = self.jobs.fetch_add(1, Ordering::Relaxed);
        let id = JobId::new(OpId::new("git-fetch"), 0, n);
        let log = Log::append_to(self.path(&format!("log-{n}")));
        Job::new(id, log, Cancel::new(), Arc::new(NoNotes))
    }

    /// A repository with a work tree, on branch `live`, with one commit that holds `README`.
    pub(crate) fn source(&self, name: &str) -> Source {
        self.source_with(name, &[])
    }

    pub(crate) fn source_with(&self, name: &str, init_args: &[&str]) -> Source {
        let source = Source { path: self.path(name) };
        std::fs::create_dir_all(&source.path).unwrap();
        source.git(["init", "--quiet", "--initial-branch=live"].iter().chain(init_args));
        source.commit("README", "hello\n");
        source
    }

    /// The only mirror there is.
    pub(crate) fn mirror(&self) -> PathBuf {
        let mut mirrors: Vec<_> = self.left_in_state().into_iter().filter(|path| path.is_dir()).collect();
        assert_eq!(mirrors.len(), 1, "{mirrors:?}");
        mirrors.remove(0)
    }

    pub(crate) fn left_in_state(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("state/git")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) async fn head(&self, source: &Source) -> Commit {
        self.git.head(&source.url(), &branch("live")).await.unwrap()
    }
}

pub(crate) fn log_of(job: &Job) -> String {
    String::from_utf8_lossy(&std::fs::read(job.log().path()).unwrap_or_default()).into_owned()
}

/// A repository that a server serves.
pub(crate) fn on(server: &GitServer, name: &str) -> RepoUrl {
    RepoUrl::parse(&server.url(name)).unwrap()
}

pub(crate) fn branch(name: &str) -> RefName {
    RefName::parse(name).unwrap()
}

pub(crate) struct Source {
    pub(crate) path: PathBuf,
}

impl Source {
    pub(crate) fn url(&self) -> RepoUrl {
        RepoUrl::parse(self.path.to_str().unwrap()).unwrap()
    }

    /// What git says in it; git must succeed.
    pub(crate) fn git(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        git_in(&self.path, args)
    }

    /// Commits a file with this content, and says the commit's id.
    pub(crate) fn commit(&self, file: &str, content: &str) -> String {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self.commit_all(&format!("Write {file}"))
    }

    pub(crate) fn commit_all(&self, message: &str) -> String {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--message", message]);
        self.git(["rev-parse", "HEAD"])
    }
}

pub(crate) fn git_in(folder: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let mut git = Command::new("git");
    git.args(args).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Änne"),
        ("GIT_AUTHOR_EMAIL", "a@example.org"),
        ("GIT_COMMITTER_NAME", "C"),
        ("GIT_COMMITTER_EMAIL", "c@example.org"),
        ("GIT_AUTHOR_DATE", "1700000000 +0100"),
        ("GIT_COMMITTER_DATE", "1700000060 +0100"),
        ("GIT_ALLOW_PROTOCOL", "file"),
    ] {
        git.env(name, value);
    }
    let output = git.output().unwrap();
    assert!(output.status.success(), "{git:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Takes an object out of a repository.
pub(crate) fn lose(git_dir: &Path, id: &str) {
    let packs = git_dir.join("objects/pack");
    for entry in packs.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if entry.extension() == Some(OsStr::new("pack")) {
            let away = git_dir.join("away.pack");
            std::fs::rename(&entry, &away).unwrap();
            std::fs::remove_file(entry.with_extension("idx")).unwrap();
            let status = Command::new("git")
                .args(["unpack-objects", "-q"])
                .current_dir(git_dir)
                .stdin(std::fs::File::open(&away).unwrap())
                .status();
            assert!(status.unwrap().success());
            std::fs::remove_file(away).unwrap();
        }
    }
    std::fs::remove_file(git_dir.join("objects").join(&id[..2]).join(&id[2..])).unwrap();
}
