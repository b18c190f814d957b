//! What there is in a state directory or a backup, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{BackupError, Damage};
use super::glance::Glance;
use super::rows::{self, Meta};
use super::sums::{self, Sum};
use super::unfinished;

/// A file of a state directory that is not the store's, but is copied with it.
#[derive(Clone, Copy, Debug)]
pub struct SideFile {
    /// Its path below the state directory. It need not be there.
    pub path: &'static str,
    /// Reads the file at that path as the start of a program does.
    ///
    /// # Errors
    ///
    /// When that start would fail.
    pub read: fn(&Path) -> io::Result<()>,
}

/// What a directory holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Records by the version in which they were written: see [`Record::VERSION`](super::record::Record::VERSION).
    pub records: BTreeMap<u16, u64>,
    /// The number of the last record, counted from the first that was ever written.
    pub last: u64,
    /// How often the directory was opened: see [`Store::epoch`](super::Store::epoch).
    pub epoch: u64,
    /// Jobs that have ended.
    pub ended: usize,
    /// Jobs without an outcome.
    pub open: usize,
    /// Approvals.
    pub approvals: usize,
    /// Logs of jobs, packed or not, and how many bytes they are together.
    pub logs: (usize, u64),
    /// What of the journal can't be read or used. Only itself is lost. A thousand at most are told.
    pub damage: Vec<Damage>,
    /// Other files that can't be used, with what is wrong with each.
    pub wrong: Vec<(PathBuf, String)>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty() && self.wrong.is_empty()
    }
}

/// Looks through a state directory, which a program may have open, or a backup. Nothing is locked or written. The index
/// is not looked at: whatever is in it, it is believed only if it is what the journal says. Blocking: about a second
/// for 100,000 records.
///
/// # Errors
///
/// When there is no store, it belongs to a newer program, or it can't be read at all. What is damaged is told in the
/// report.
pub fn check(dir: &Path, beside: &[SideFile]) -> Result<Report, BackupError> {
    unfinished::refuse(dir)?;
    look(dir, beside)
}

/// [`check`], also where it is not finished.
pub(super) fn look(dir: &Path, beside: &[SideFile]) -> Result<Report, BackupError> {
    let journal = dir.join("journal");
    match fs::metadata(&journal) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(BackupError::NoStore(dir.to_owned()));
        }
        Err(error) => return Err(BackupError::io("read", &journal)(error)),
    }
    let glance = Glance::at_rest(dir)?;
    let meta: Meta = rows::read(&glance.rows, rows::META).ok().flatten().unwrap_or_default();
    let of = |prefix: &[u8]| glance.rows.keys().filter(|key| key.starts_with(prefix)).count();
    let (open, jobs) = (of(rows::OPEN), dir.join("jobs"));
    let mut report = Report {
        records: glance.versions,
        last: glance.last,
        epoch: meta.epoch,
        ended: of(rows::JOBS) - open,
        open,
        approvals: of(rows::APPROVALS),
        logs: logs(&jobs).map_err(BackupError::io("read", &jobs))?,
        damage: glance.damage,
        ..Report::default()
    };
    if let Some(note) = Note::of(dir)? {
        let says = |path| (path, "it is not as it was when the backup was made".to_owned());
        report.wrong.extend(note.changed(dir)?.into_iter().map(says));
    }
    for SideFile { path, read } in beside {
        let path = dir.join(path);
        if let Err(error) = read(&path) {
            report.wrong.push((path, error.to_string()));
        }
    }
    Ok(report)
}

fn logs(folder: &Path) -> io::Result<(usize, u64)> {
    // Of what lies beside a log nothing is counted, and of one that is there in both forms one.
    let (mut logs, mut bytes) = (BTreeSet::new(), 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let mut path = entry.path();
            if path.extension().is_some_and(|ending| ending == "gz") {
                path.set_extension("");
            }
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(path),
                Ok(about) if path.extension().is_some_and(|ending| ending == "log") => {
                    bytes += about.len();
                    logs.insert(path);
                }
                Ok(_) => {}
                // It has just been removed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok((logs.len(), bytes))
}

/// What makes a directory a backup.
#[derive(Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) version: u32,
    /// When it was made, Unix milliseconds.
    pub(super) at_ms: u64,
    pub(super) files: Vec<Sum>,
}

impl Note {
    /// Its file's name.
    pub(super) const FILE: &str = "backup.json";
    /// Of its format. A newer one is refused.
    pub(super) const VERSION: u32 = 1;

    /// The one of that directory; `None` when it is no backup.
    pub(super) fn of(dir: &Path) -> Result<Option<Self>, BackupError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let path = dir.join(Self::FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BackupError::io("read", &path)(error)),
        };
        if let Some(Version { version: found }) = sums::noted(&text)
            && found > Self::VERSION
        {
            return Err(BackupError::Newer { dir: dir.to_owned(), found, known: Self::VERSION });
        }
        let note = sums::noted(&text).filter(Self::stays_below);
        note.map(Some).ok_or(BackupError::Changed(path))
    }

    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        sums::note(self)
    }

    /// Whether it names nothing outside its directory.
    fn stays_below(&self) -> bool {
        let is_name = |part| matches!(part, Component::Normal(_));
        self.files.iter().all(|(path, ..)| path.components().all(is_name))
    }

    /// The files that are not as it says.
    pub(super) fn changed(&self, dir: &Path) -> Result<Vec<PathBuf>, BackupError> {
        let mut changed = Vec::new();
        for (path, len, crc) in &self.files {
            let path = dir.join(path);
            match sums::of(&path) {
                Ok(now) if now == (*len, *crc) => {}
                Ok(_) => changed.push(path),
                Err(error) if error.kind() == ErrorKind::NotFound => changed.push(path),
                Err(error) => return Err(BackupError::io("read", &path)(error)),
            }
        }
        Ok(changed)
    }
}
