//! What a commit holds, read from the mirror: all of it as a tar, or one file. No checkout, nothing on disk.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use bytes::Bytes;
use ci_core::OpError;
use ci_core::process::Process;
use futures::Stream;
use serde::{Deserialize, Serialize};

use super::client::Git;
use super::commit::CommitKey;

/// A path inside a repository: relative, `/` between its parts, no `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

/// The text is not a path inside a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is not a path inside a repository: {why}")]
pub struct BadRepoPath {
    path: String,
    why: &'static str,
}

impl RepoPath {
    /// The longest path, bytes.
    pub const BYTES_MAX: usize = 4096;

    /// Checks a path; `.` parts and doubled or trailing slashes are dropped: `./docker//Dockerfile` is
    /// `docker/Dockerfile`.
    ///
    /// # Errors
    ///
    /// When it is empty, absolute, too long, or holds `..` or a control character.
    pub fn parse(text: &str) -> Result<Self, BadRepoPath> {
        let bad = |why| Err(BadRepoPath { path: text.chars().take(200).collect(), why });
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if text.len() > Self::BYTES_MAX {
            bad("it is too long")
        } else if text.starts_with('/') {
            bad("it starts with '/'")
        } else if parts.contains(&"..") {
            bad("it holds '..'")
        } else if text.chars().any(char::is_control) {
            bad("it holds a control character")
        } else if parts.is_empty() {
            bad("it names nothing")
        } else {
            Ok(Self(parts.join("/")))
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepoPath {
    type Err = BadRepoPath;

    fn from_str(text: &str) -> Result<Self, BadRepoPath> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RepoPath {
    type Error = BadRepoPath;

    fn try_from(text: String) -> Result<Self, BadRepoPath> {
        Self::parse(&text)
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> Self {
        path.0
    }
}

/// What a name in a commit turned out to be.
enum Found {
    Nothing,
    File {
        id: String,
        bytes: usize,
    },
    Folder {
        id: String,
    },
    /// A link that leads out of the repository or in circles, or a submodule.
    Other,
}

impl Git {
    /// The files of a fetched commit, or of one folder in it, as a tar. Equal commits give equal bytes: every file
    /// has the commit's time, root as its owner, and mode 644 or 755.
    ///
    /// The files are what a checkout would hold: line ends and encodings as `.gitattributes` says; but
    /// `export-ignore` and `export-subst` do nothing, filters are not run (what Git LFS stores elsewhere is a pointer
    /// file), and a submodule is an empty folder. Links are links, wherever they lead.
    ///
    /// The stream ends without an error only when it is whole. A folder needs Git 2.41.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Transient`] when the commit is not in the mirror (see [`Git::fetch`]),
    /// [`ci_core::FailureKind::Permanent`] when it has no such folder.
    pub async fn archive(
        &self,
        commit: impl Into<CommitKey>,
        folder: Option<&RepoPath>,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, OpError> {
        let commit = &commit.into();
        let mut git = self.in_mirror(commit, "git archive").args(["archive", "--format=tar"]);
        git = match folder {
            None => {
                self.find(commit, None).await?;
                git.arg(commit.id.as_str())
            }
            Some(folder) => match self.find(commit, Some(folder)).await? {
                // A tree has no time of its own: without ours, it is the time of asking.
                Found::Folder { id } => {
                    git.arg(format!("--mtime=@{}", self.describe(commit).await?.at_ms / 1000)).arg(id)
                }
                Found::Nothing => {
                    return Err(OpError::permanent(format!("{commit} has no folder {folder}")));
                }
                _ => return Err(OpError::permanent(format!("{folder} in {commit} is not a folder"))),
            },
        };
        Ok(git.deadline(Self::FETCH_DEADLINE).stdout_stream()?)
    }

    /// A file of a fetched commit, unchanged; `None` when it has none by that name. Links inside the repository are
    /// followed.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Transient`] when the commit is not in the mirror (see [`Git::fetch`]),
    /// [`ci_core::FailureKind::Permanent`] when the file is longer than `bytes_max`, or no file.
    pub async fn read_file(
        &self,
        commit: impl Into<CommitKey>,
        path: &RepoPath,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, OpError> {
        let commit = &commit.into();
        match self.find(commit, Some(path)).await? {
            Found::Nothing => Ok(None),
            Found::File { bytes, .. } if bytes > bytes_max => Err(OpError::permanent(format!(
                "{path} in {commit} is too large: {bytes} bytes, where {bytes_max} are allowed"
            ))),
            Found::File { id, .. } => {
                let git = self.in_mirror(commit, "git cat-file").args(["cat-file", "blob", &id]);
                Ok(Some(git.output(bytes_max).await?))
            }
            Found::Folder { .. } | Found::Other => {
                Err(OpError::permanent(format!("{path} in {commit} is not a file")))
            }
        }
    }

    /// Whether the commit is in the mirror of its repository.
    pub async fn has(&self, commit: impl Into<CommitKey>) -> bool {
        self.find(&commit.into(), None).await.is_ok()
    }

    fn in_mirror(&self, commit: &CommitKey, what: &str) -> Process {
        let mirror = self.mirror_path(commit);
        let git = self.local(format!("{what} {commit}"), &mirror).env("GIT_DIR", &mirror);
        git.deadline(Self::LOOK_DEADLINE)
    }

    async fn find(&self, commit: &CommitKey, path: Option<&RepoPath>) -> Result<Found, OpError> {
        let not_here = || {
            OpError::transient(format!("{commit} is not in the mirror of its repository"))
                .with_hint("it is fetched again when its job is run again")
        };
        let mirror = self.mirror_path(commit);
        if !tokio::fs::try_exists(Path::new(&mirror)).await.unwrap_or(false) {
            return Err(not_here());
        }
        let id = commit.id.as_str();
        let names = match path {
            Some(path) => format!("{id}\n{id}:{path}\n"),
            None => format!("{id}\n"),
        };
        let said = self
            .in_mirror(commit, "git cat-file")
            .args(["cat-file", "--batch-check", "--follow-symlinks"])
            .stdin(names)
            .output(Self::REFS_BYTES_MAX)
            .await?;
        let said = String::from_utf8_lossy(&said);
        let mut lines = said.lines();
        if !lines.next().unwrap_or_default().starts_with(&format!("{id} commit ")) {
            return Err(not_here());
        }
        // `<id> <type> <size>`, or the name asked for and `missing`, or `dangling <size>` and the like.
        let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        Ok(match words.as_slice() {
            [id, "blob", bytes] => match bytes.parse() {
                Ok(bytes) => Found::File { id: (*id).to_owned(), bytes },
                Err(_) => Found::Other,
            },
            [id, "tree", _] => Found::Folder { id: (*id).to_owned() },
            ["symlink" | "loop", _] | [_, "commit" | "submodule", ..] => Found::Other,
            _ => Found::Nothing,
        })
    }
}
