//! A git repository to fetch from.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::debian;

/// A repository with a work tree in a temporary folder, on branch `main`, without a commit. No configuration of the
/// machine or a person is read.
#[derive(Debug)]
pub struct GitRepo {
    folder: TempDir,
}

impl Default for GitRepo {
    fn default() -> Self {
        Self::new()
    }
}

impl GitRepo {
    /// An empty repository.
    ///
    /// # Panics
    ///
    /// When git is not installed.
    pub fn new() -> Self {
        debian::program("git", "git");
        let folder = tempfile::Builder::new().prefix("ci-testbed-git-").tempdir();
        let repo = Self { folder: folder.expect("the folder of temporary files is writable") };
        repo.git(["init", "-q", "-b", "main"]);
        repo
    }

    /// Its work tree; `.git` is inside.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A URL to clone it from.
    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// Runs git in it and returns what it printed, without the last line break.
    ///
    /// # Panics
    ///
    /// When git fails; the message holds what it said.
    pub fn git<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.path()).args(args.into_iter().map(|a| a.as_ref().to_owned()));
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
        }
        debian::run(&mut command)
    }

    /// Writes a file, making its folders.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().expect("a joined path has a parent"))
            .expect("a work tree is writable");
        fs::write(file, text).expect("a work tree is writable");
    }

    /// Writes the files, commits everything in the work tree on the current branch and returns the commit's id.
    /// Without a change the commit is empty.
    ///
    /// # Panics
    ///
    /// When git fails.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    /// The id of the commit that is checked out.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn head(&self) -> String {
        self.git(["rev-parse", "HEAD"])
    }

    /// Checks out `branch`, made here if there is none.
    ///
    /// # Panics
    ///
    /// When git fails.
    pub fn checkout(&self, branch: &str) {
        let known = self.git(["branch", "--list", branch]);
        if known.is_empty() {
            self.git(["checkout", "-q", "-b", branch]);
        } else {
            self.git(["checkout", "-q", branch]);
        }
    }
}
