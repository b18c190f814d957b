//! A repository with a web service, and somebody who pushes to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use testbed::GitRepo;

/// The demo's web service: it serves `/page.html` on port 8080, and stops when told.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/site"));

/// A Dockerfile that works. Images are told apart by their label.
const DOCKERFILE: &str = "FROM scratch\nCOPY site page.html /\nENTRYPOINT [\"/site\"]\n";

/// A work tree, and the bare repository that is pushed to.
pub(crate) struct Site {
    pub(crate) work: GitRepo,
    bare: PathBuf,
}

impl Site {
    /// Makes both. Nothing is pushed yet.
    pub(crate) fn at(bare: &Path) -> Self {
        let site = Self::pushing_to(bare);
        site.create();
        site
    }

    /// Makes the work tree only.
    pub(crate) fn pushing_to(bare: &Path) -> Self {
        let work = GitRepo::new();
        let program = work.path().join("site");
        fs::write(&program, PROGRAM).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { work, bare: bare.to_owned() }
    }

    /// Makes the bare repository.
    pub(crate) fn create(&self) {
        self.work.git(["init", "-q", "--bare", &self.bare()]);
    }

    fn bare(&self) -> String {
        self.bare.to_str().expect("because tests choose their names").to_owned()
    }

    /// Commits a web service that serves `page`, and returns the commit's id.
    pub(crate) fn commit(&self, page: &str) -> String {
        self.commit_dockerfile(page, &format!("{DOCKERFILE}LABEL page={page}\n"))
    }

    /// Commits this Dockerfile, and returns the commit's id.
    pub(crate) fn commit_dockerfile(&self, page: &str, dockerfile: &str) -> String {
        self.work.commit(&format!("Page {page}"), &[("page.html", page), ("Dockerfile", dockerfile)])
    }

    /// Lets `live` be this commit, wherever it was.
    pub(crate) fn push(&self, commit: &str) {
        self.work.git(["push", "-q", "--force", &self.bare(), &format!("{commit}:refs/heads/live")]);
    }

    /// Deletes `live`.
    pub(crate) fn delete_branch(&self) {
        self.work.git(["push", "-q", &self.bare(), ":refs/heads/live"]);
    }

    /// Commits without a Dockerfile, and returns the commit's id.
    pub(crate) fn commit_without_dockerfile(&self) -> String {
        fs::remove_file(self.work.path().join("Dockerfile")).unwrap();
        self.work.commit("No Dockerfile", &[])
    }

    /// Commits and pushes at once: [`Site::commit`] and [`Site::push`].
    pub(crate) fn publish(&self, page: &str) -> String {
        let commit = self.commit(page);
        self.push(&commit);
        commit
    }
}
