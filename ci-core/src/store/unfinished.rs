//! A directory that is being filled with a copy of a store. Until all is in it and on the disk it is marked, and nobody
//! takes it for a store.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// The mark's name.
const MARK: &str = "unfinished";

/// A directory of ours to fill. Dropped before it is finished, it is empty again.
pub(super) struct Unfinished {
    pub(super) dir: PathBuf,
    is_finished: bool,
}

/// Refuses what was copied in part.
pub(super) fn refuse(dir: &Path) -> Result<(), OpenError> {
    match dir.join(MARK).try_exists() {
        Ok(true) => Err(OpenError::Unfinished { dir: dir.to_owned() }),
        // What can't be looked at can't be read either, and is told where that is tried.
        _ => Ok(()),
    }
}

impl Unfinished {
    /// Makes the directory (0700) if it is not there, and marks it. `None` when there is something in it.
    pub(super) fn take(dir: &Path) -> io::Result<Option<Self>> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if !entries(dir)?.is_empty() {
            return Ok(None);
        }
        let mark = dir.join(MARK);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&mark) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        }
        // Who opens a store first takes its lock, and looks for the mark then: one of the two sees the other.
        if 1 < entries(dir)?.len() {
            fs::remove_file(mark)?;
            return Ok(None);
        }
        Ok(Some(Self { dir: dir.to_owned(), is_finished: false }))
    }

    /// Returns when all that is in it would survive a power cut, and the mark is gone.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let dir = File::open(&self.dir)?;
        // There may be a hundred thousand files.
        rustix::fs::syncfs(&dir)?;
        fs::remove_file(self.dir.join(MARK))?;
        self.is_finished = true;
        dir.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // The mark goes last. What can't be removed stays, and so does the mark.
        let removed = entries(&self.dir).and_then(|mut entries| {
            entries.sort_by_key(|path| path.ends_with(MARK));
            entries.iter().try_for_each(|path| match path.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            })
        });
        if let Err(error) = removed {
            tracing::warn!(dir = %self.dir.display(), %error, "what was copied in part can't be removed");
        }
    }
}

fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}
