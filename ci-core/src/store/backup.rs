//! A copy of a state directory, made beside whoever has it open, and put in place again.
//!
//! A copy is what a kill at some moment of its making would have left: all that [`Store::append`](super::Store::append)
//! told of before is in it, what came meanwhile may be. The journal is copied first and the logs after it, so that the
//! log of a job that has ended is whole. The index is not copied: it is made from the journal.
//!
//! ```text
//! BACKUP/backup.json                     when it was made; length and checksum of each of its files
//! BACKUP/journal/ jobs/ quarantine/ …    as in the state directory
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::check::{self, Note, Report, SideFile};
use super::error::BackupError;
use super::frame::{Found, Frames};
use super::journal::Files;
use super::sums::{self, Sum};
use super::unfinished::{self, Unfinished};
use crate::clock;
use crate::job::LogText;

/// Folders of a state directory that are copied as they are.
const FOLDERS: [&str; 2] = ["jobs", "quarantine"];
/// How often a journal is looked at that changes under the look, and how long it is waited before the next. A compaction is
/// hardly met twice, and no write takes so long.
const LOOKS_MAX: u32 = 200;
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// How often a folder is looked at. A file that is renamed while a folder is read may be missed under both its names; a log
/// is renamed once, so the next look finds it.
const FOLDER_LOOKS: u32 = 2;

/// Copies the store in `state`, which may be open meanwhile, to the empty or new directory `to`, with those of `beside`
/// that are there; and checks the copy. Returns when it would survive a power cut. Everything in it is readable to its
/// owner alone. Blocking.
///
/// A damaged store is copied with its damage, which the report tells.
///
/// # Errors
///
/// [`BackupError`]. Then there is no copy.
pub fn back_up(state: &Path, to: &Path, beside: &[SideFile]) -> Result<Report, BackupError> {
    unfinished::refuse(state)?;
    let journal =
        open_journal(&state.join("journal"))?.ok_or_else(|| BackupError::NoStore(state.to_owned()))?;
    let copy = taken(to)?;
    let mut files = copy_journal(journal, &copy.dir)?;
    for folder in FOLDERS {
        copy_folder(state, &copy.dir, folder, &mut files)?;
    }
    for SideFile { path, .. } in beside {
        copy_file(state, &copy.dir, Path::new(path), &mut files)?;
    }
    files.sort();
    let note = Note { version: Note::VERSION, at_ms: clock::now_ms(), files };
    let path = copy.dir.join(Note::FILE);
    let written = note.encode().and_then(|note| create(&path)?.write_all(&note));
    written.map_err(BackupError::io("write", &path))?;
    let report = check::look(&copy.dir, beside)?;
    copy.finish().map_err(BackupError::io("finish", to))?;
    Ok(report)
}

/// Puts the store that [`back_up`] copied to `backup` into the empty or new directory `state`, and checks it. Every byte
/// that is put there was found to be as it was. Blocking.
///
/// # Errors
///
/// [`BackupError`]. Then nothing is in `state` that was not there before.
pub fn restore(backup: &Path, state: &Path, beside: &[SideFile]) -> Result<Report, BackupError> {
    unfinished::refuse(backup)?;
    let note = Note::of(backup)?.ok_or_else(|| BackupError::NoBackup(backup.to_owned()))?;
    let copy = taken(state)?;
    let mut copied = Vec::new();
    for noted in &note.files {
        let path = &noted.0;
        if !copy_file(backup, &copy.dir, path, &mut copied)? || copied.last() != Some(noted) {
            return Err(BackupError::Changed(backup.join(path)));
        }
    }
    let report = check::look(&copy.dir, beside)?;
    copy.finish().map_err(BackupError::io("finish", state))?;
    Ok(report)
}

fn taken(dir: &Path) -> Result<Unfinished, BackupError> {
    let taken = Unfinished::take(dir).map_err(BackupError::io("make", dir))?;
    taken.ok_or_else(|| BackupError::NotEmpty(dir.to_owned()))
}

/// The files that are the journal at some moment, in the order in which they are read: its last is still written to.
/// `None` when there is no such folder.
fn open_journal(folder: &Path) -> Result<Option<Vec<(PathBuf, File)>>, BackupError> {
    let mut looks = 1;
    loop {
        let list = || Files::list(folder).map_err(|error| (error.path, error.source));
        let opened = list().and_then(|before| {
            let open =
                |path: &Path| Ok((path.to_owned(), File::open(path).map_err(|e| (path.to_owned(), e))?));
            let opened = before.current().map(open).collect::<Result<Vec<_>, _>>()?;
            // None came and none went while they were opened. What is removed from now on can still be read.
            Ok(before.current().eq(list()?.current()).then_some(opened))
        });
        match opened {
            Ok(Some(opened)) => return Ok(Some(opened)),
            Ok(None) if looks < LOOKS_MAX => {}
            Ok(None) => {
                return Err(BackupError::io("read", folder)(io::Error::other("it changes all the time")));
            }
            Err((path, error)) if error.kind() == ErrorKind::NotFound => {
                if path == folder {
                    return Ok(None);
                }
                if looks == LOOKS_MAX {
                    return Err(BackupError::io("read", &path)(error));
                }
            }
            Err((path, error)) => return Err(BackupError::io("read", &path)(error)),
        }
        looks += 1;
        thread::sleep(LOOK_PAUSE);
    }
}

fn copy_journal(files: Vec<(PathBuf, File)>, to: &Path) -> Result<Vec<Sum>, BackupError> {
    make_folder(to, Path::new("journal"))?;
    let mut sums = Vec::new();
    let newest = files.len().saturating_sub(1);
    for (at, (path, mut from)) in files.into_iter().enumerate() {
        let below = Path::new("journal").join(path.file_name().unwrap_or_default());
        let copy = to.join(&below);
        let mut into = create(&copy).map_err(BackupError::io("make", &copy))?;
        let copied = copy_to_its_end(&mut from, &mut into)
            .and_then(|_| if at == newest { complete(&mut from, &mut into, &copy) } else { Ok(()) });
        copied.map_err(BackupError::io("copy", &path))?;
        let (len, crc) = sums::of(&copy).map_err(BackupError::io("read", &copy))?;
        sums.push((below, len, crc));
    }
    Ok(sums)
}

/// A frame that was only half there when it was copied is copied again: it was being written, or taken back. If it
/// stays so it is damage, and copied like all else.
fn complete(from: &mut File, into: &mut File, copy: &Path) -> io::Result<()> {
    let mut whole = 0;
    for _ in 1..LOOKS_MAX {
        let mut copied = File::open(copy)?;
        copied.seek(SeekFrom::Start(whole))?;
        let mut frames = Frames::new(copied);
        whole += loop {
            match frames.next()? {
                None => return Ok(()),
                Some(Found::Bad { at, last: true }) => break at.start,
                Some(_) => {}
            }
        };
        thread::sleep(LOOK_PAUSE);
        into.set_len(whole)?;
        from.seek(SeekFrom::Start(whole))?;
        into.seek(SeekFrom::Start(whole))?;
        copy_to_its_end(from, into)?;
    }
    Ok(())
}

/// To where it ends now: it may be written to faster than it is read.
fn copy_to_its_end(from: &mut File, into: &mut File) -> io::Result<(u64, u32)> {
    let left = from.metadata()?.len().saturating_sub(from.stream_position()?);
    sums::copy(&mut from.take(left), into)
}

/// Copies a folder with all that is in it. What is neither a file nor a folder is left out, and so is what is not finished,
/// or goes away meanwhile; a log that goes away may have been packed.
fn copy_folder(from: &Path, to: &Path, folder: &str, sums: &mut Vec<Sum>) -> Result<(), BackupError> {
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let read = from.join(&folder);
        let entries = match listed(&read) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(BackupError::io("read", &read)(error)),
        };
        make_folder(to, &folder)?;
        for (name, kind) in &entries {
            let path = folder.join(name);
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let ending = path.extension().unwrap_or_default();
            if !kind.is_file() || ending == "part" || copy_file(from, to, &path, sums)? {
                continue;
            }
            let packed = LogText::packed(&path);
            let is_listed = packed.file_name().is_some_and(|name| entries.contains_key(name));
            if ending == "log" && !is_listed {
                copy_file(from, to, &packed, sums)?;
            }
        }
    }
    Ok(())
}

/// What is in a folder, or was a moment ago.
fn listed(folder: &Path) -> io::Result<BTreeMap<OsString, FileType>> {
    let mut listed = BTreeMap::new();
    for _ in 0..FOLDER_LOOKS {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            listed.insert(entry.file_name(), entry.file_type()?);
        }
    }
    Ok(listed)
}

/// Copies one file, and says whether it was there.
fn copy_file(from: &Path, to: &Path, below: &Path, sums: &mut Vec<Sum>) -> Result<bool, BackupError> {
    let (source, copy) = (from.join(below), to.join(below));
    let mut opened = match File::open(&source) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(BackupError::io("read", &source)(error)),
    };
    if let Some(folder) = below.parent() {
        make_folder(to, folder)?;
    }
    let mut into = create(&copy).map_err(BackupError::io("make", &copy))?;
    let (len, crc) = copy_to_its_end(&mut opened, &mut into).map_err(BackupError::io("copy", &source))?;
    sums.push((below.to_owned(), len, crc));
    Ok(true)
}

fn make_folder(to: &Path, below: &Path) -> Result<(), BackupError> {
    let path = to.join(below);
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(BackupError::io("make", &path))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
