//! Files that jobs leave: a directory for each content, in the state directory.
//!
//! *streamed → unpacked aside → digested → moved to its name.* The name is the digest of the content, so equal files are
//! kept once, and whatever has its name is whole: a process that dies in between leaves something aside, which is removed
//! at the next [`Artifacts::open`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ci_core::OpError;
use ci_core::job::Scratch;
use futures::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use self::unpack::{Coming, UnpackError, unpack};
use crate::docker::Digest;

mod unpack;

/// Keeps what jobs leave. Bind one for pipelines with [`crate::docker::artifact()`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Artifacts {
    folder: PathBuf,
}

/// What a job left: a file, or a folder with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Of names, contents, and of which files may be executed. Equal artifacts have equal digests, and others have others.
    pub digest: Digest,
    /// How many files it has.
    pub files: u64,
    /// How many bytes those have.
    pub bytes: u64,
}

impl Artifacts {
    /// The most bytes of one artifact's files.
    pub const BYTES_MAX: u64 = 1 << 30;
    /// The most files and folders in one artifact.
    pub const ENTRIES_MAX: usize = 100_000;
    /// The longest name of a file in an artifact, with its folders, bytes.
    pub const NAME_BYTES_MAX: usize = 1024;
    /// How many chunks wait to be unpacked.
    const CHUNKS_MAX: usize = 4;

    /// Makes `<state>/artifacts`, and removes what an interrupted run left half done there. One for each state directory.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Infrastructure`] when the directory can't be made, read or written.
    pub async fn open(state: impl AsRef<Path>) -> Result<Self, OpError> {
        let this = Self::at(state.as_ref());
        let folder = this.folder.clone();
        let prepared = spawn_blocking(move || {
            fs::create_dir_all(&folder)?;
            Scratch::sweep(&folder)
        });
        prepared.await.map_err(io::Error::other).flatten().map_err(|error| this.unusable(&error))?;
        Ok(this)
    }

    /// Without looking whether it is there.
    pub(crate) fn at(state: &Path) -> Self {
        Self { folder: state.join("artifacts") }
    }

    /// The folder that holds an artifact's files. A single file has the name there that its job gave it.
    pub fn path(&self, artifact: &Artifact) -> PathBuf {
        let digest = artifact.digest.as_str();
        self.folder.join(digest.strip_prefix("sha256:").unwrap_or(digest))
    }

    /// Whether it is there.
    pub(crate) async fn has(&self, artifact: &Artifact) -> bool {
        tokio::fs::metadata(self.path(artifact)).await.is_ok_and(|found| found.is_dir())
    }

    /// Keeps what is in a tar: its first entry, and what is below that. Dropped, it leaves
    /// nothing, or all of it.
    ///
    /// # Errors
    ///
    /// That of the stream; [`ci_core::FailureKind::Permanent`] for what is no plain file or folder, has a name that leads
    /// elsewhere, or is more than an artifact may be.
    pub(crate) async fn keep(
        &self,
        mut tar: impl Stream<Item = Result<Bytes, OpError>> + Unpin,
    ) -> Result<Artifact, OpError> {
        let scratch = Scratch::within(&self.folder).await.map_err(|error| self.unusable(&error))?;
        let (chunks, coming) = mpsc::channel(Self::CHUNKS_MAX);
        // It holds the folder until it is done with it: nobody removes what it still writes to.
        let unpacking = spawn_blocking(move || {
            let unpacked = unpack(Coming::new(coming), scratch.path());
            (scratch, unpacked)
        });
        let mut read = Ok(());
        while let Some(chunk) = tar.next().await {
            match chunk {
                Ok(chunk) => {
                    if chunks.send(chunk).await.is_err() {
                        // It has read enough to refuse it.
                        break;
                    }
                }
                Err(error) => {
                    read = Err(error);
                    break;
                }
            }
        }
        drop(chunks);
        let unpacked =
            unpacking.await.map_err(|e| OpError::infrastructure("unpacking panicked").with_source(e));
        let (scratch, unpacked) = unpacked?;
        read?;
        let artifact = unpacked.map_err(|error| self.refused(error))?;
        match scratch.keep_as(self.path(&artifact)).await {
            Ok(()) => Ok(artifact),
            // Equal files are there already.
            Err(_) if self.has(&artifact).await => Ok(artifact),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    fn refused(&self, error: UnpackError) -> OpError {
        match error {
            UnpackError::Write(error) => self.unusable(&error),
            UnpackError::Read(error) => {
                OpError::infrastructure(format!("the artifact can't be read: {error}")).with_source(error)
            }
            UnpackError::Refused { .. } => OpError::permanent(format!("the artifact is refused: {error}"))
                .with_hint("leave plain files and folders there; a copy instead of a link"),
            UnpackError::TooMuch(_) => OpError::permanent(format!("the artifact is refused: {error}"))
                .with_hint("leave less there, or pack it"),
        }
    }

    fn unusable(&self, error: &io::Error) -> OpError {
        OpError::infrastructure(format!(
            "the directory for artifacts, {}, can't be used: {error}",
            self.folder.display()
        ))
        .with_hint("check that it can be written and the disk is not full")
    }
}

#[cfg(test)]
mod tests;
