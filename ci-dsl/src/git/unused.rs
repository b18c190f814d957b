//! Mirrors of repositories that nobody asks for any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ci_core::OpError;
use tokio::task::spawn_blocking;

use super::client::{Git, UNFINISHED};
use super::mirror;
use super::repo::RepoUrl;

/// A mirror, and how much it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedMirror {
    /// Its folder.
    path: PathBuf,
    /// When a commit was last brought to it.
    pub used_at: SystemTime,
    /// What it takes on the disk, bytes.
    pub bytes: u64,
}

impl UnusedMirror {
    /// The name of its folder, which begins with that of its repository.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Git {
    /// The mirrors of other repositories than these.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    pub async fn unused_mirrors(&self, in_use: &[RepoUrl]) -> Result<Vec<UnusedMirror>, OpError> {
        let home = self.inner.home.clone();
        let stems: Vec<String> = in_use.iter().map(mirror::stem).collect();
        let found = spawn_blocking(move || {
            let mut found = Vec::new();
            for entry in fs::read_dir(home)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let is_mirror = name.ends_with(".git") && !name.starts_with(UNFINISHED);
                if is_mirror && !stems.iter().any(|stem| name.starts_with(stem)) {
                    found.extend(looked_at(path)?);
                }
            }
            Ok(found)
        });
        found.await.map_err(io::Error::other).flatten().map_err(unreadable)
    }

    /// Removes a mirror. Should its repository be asked for again, it is made anew.
    ///
    /// # Errors
    ///
    /// When it can't be removed.
    pub async fn remove_mirror(&self, unused: &UnusedMirror) -> Result<(), OpError> {
        let turn = self.turn(&unused.path);
        let _turn = turn.lock().await;
        mirror::discard(&self.inner.home, &unused.path).await.map_err(unreadable)
    }
}

/// What is there of a mirror. `None`: nothing was ever brought to it, or it is gone.
fn looked_at(path: PathBuf) -> io::Result<Option<UnusedMirror>> {
    match path.join("refs/ci/keep").metadata() {
        Ok(keeps) => {
            let (used_at, bytes) = (keeps.modified()?, bytes_below(&path)?);
            Ok(Some(UnusedMirror { path, used_at, bytes }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What files take below a folder. What goes meanwhile takes nothing.
fn bytes_below(folder: &Path) -> io::Result<u64> {
    let (mut bytes, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

fn unreadable(error: io::Error) -> OpError {
    OpError::infrastructure(format!("the mirrors can't be tidied up: {error}"))
}
