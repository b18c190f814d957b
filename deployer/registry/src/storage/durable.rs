//! Changes to the directory that survive a power cut, or did not happen.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{At, StorageError};

/// Makes `path` hold `bytes`, all or nothing, by way of a file in `tmp`. Its directory must exist.
pub(crate) fn write(tmp: &Path, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let mut temp = NamedTempFile::new_in(tmp).at(tmp)?;
    temp.write_all(bytes).at(temp.path())?;
    persist(temp, path)
}

/// Makes an unfinished file the finished one at `path`, replacing what is there.
pub(super) fn persist(temp: NamedTempFile, path: &Path) -> Result<(), StorageError> {
    temp.as_file().sync_all().at(temp.path())?;
    temp.persist(path).map_err(|error| error.error).at(path)?;
    sync_parent(path)
}

/// Removes the file at `path`. Whether there was one.
pub(super) fn remove(path: &Path) -> Result<bool, StorageError> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error).at(path),
    }
}

/// Creates a directory with all above it.
pub(super) fn create_with_parents(path: &Path) -> Result<(), StorageError> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(path).at(path)?;
    for created in missing {
        match created.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent)?,
            _ => sync(Path::new("."))?,
        }
    }
    Ok(())
}

/// Creates the directories of `below` under `root`, which exists.
pub(super) fn create_dirs(root: &Path, below: &Path) -> Result<(), StorageError> {
    let mut path = root.to_owned();
    for component in below.components() {
        path.push(component);
        match fs::create_dir(&path) {
            Ok(()) => sync_parent(&path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).at(&path),
        }
    }
    Ok(())
}

/// Creates directories in `root`, which exists, and syncs it once.
pub(super) fn create_children(
    root: &Path,
    children: impl Iterator<Item = String>,
) -> Result<(), StorageError> {
    for child in children {
        let path = root.join(child);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error).at(&path),
            _ => {}
        }
    }
    sync(root)
}

/// The names in a directory; none if there is no such directory.
pub(super) fn names_in(path: &Path) -> Result<Vec<String>, StorageError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).at(path),
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 is none of ours.
        if let Ok(name) = entry.at(path)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The bytes of a file, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).at(path),
    }
}

/// A file opened for reading, if there is one.
pub(super) fn open(path: &Path) -> Result<Option<File>, StorageError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).at(path),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn sync_parent(path: &Path) -> Result<(), StorageError> {
    sync(path.parent().expect("because every path here is below the registry's directory"))
}

fn sync(dir: &Path) -> Result<(), StorageError> {
    File::open(dir).and_then(|dir| dir.sync_all()).at(dir)
}
