//! Where the logs of a state directory are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::keep::{self, Due, Keep};
use crate::ids::JobId;
use crate::job::LogText;
use crate::store::Store;

/// All logs of a state directory.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// `STATE/jobs`: a folder for each day.
    dir: PathBuf,
}

/// A log as it lies there, with what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) job: JobId,
    pub(super) bytes: u64,
    pub(super) is_packed: bool,
    /// When it was written last, Unix milliseconds.
    pub(super) written_ms: u64,
}

/// The jobs whose logs stay, whatever the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    written: BTreeSet<JobId>,
    read: BTreeSet<JobId>,
}

impl InUse {
    /// `written` are the jobs that are not over: nothing is done with their logs. `read` are those that gave the newest
    /// results of what the pipeline asks for: their logs may be packed.
    pub fn new(written: impl IntoIterator<Item = JobId>, read: impl IntoIterator<Item = JobId>) -> Self {
        Self { written: written.into_iter().collect(), read: read.into_iter().collect() }
    }

    /// These, and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.written.extend(other.written);
        self.read.extend(other.read);
        self
    }

    pub(super) fn is_written(&self, job: &JobId) -> bool {
        self.written.contains(job)
    }

    /// Whether the job gave a newest result, or is not over.
    pub fn is_read(&self, job: &JobId) -> bool {
        self.written.contains(job) || self.read.contains(job)
    }
}

impl Shelf {
    /// The file that says which logs were in use when that was last known, one each line.
    const IN_USE: &str = "in-use";
    /// How many it names at most, the newest.
    const IN_USE_MAX: usize = 20_000;

    /// That of a store.
    pub fn of(store: &Store) -> Self {
        Self { dir: store.dir().join("jobs") }
    }

    /// What is due: first what goes, then what is packed, each newest first. Changes nothing. Blocking: it looks at every log, but reads none.
    ///
    /// # Errors
    ///
    /// When the folder can't be read.
    pub fn due(&self, keep: &Keep, in_use: &InUse, now_ms: u64) -> io::Result<Vec<Due>> {
        let mut all = Vec::new();
        for day in self.days()? {
            all.extend(self.of_day(&day)?);
        }
        Ok(keep::due(all.into_iter(), keep, in_use, now_ms))
    }

    /// Does what is due with one log, and says how many bytes that freed. One at a time may do so. Blocking. A crash leaves
    /// the log as it was, or as it is to be.
    ///
    /// # Errors
    ///
    /// When it can't be read or written; it is as it was then.
    pub fn settle(&self, due: &Due) -> io::Result<u64> {
        let log = self.dir.join(format!("{}.log", due.job));
        if due.expires.is_none() {
            return LogText::pack(&log);
        }
        LogText::remove(&log)?;
        if let Some(day) = log.parent() {
            // As long as it holds another log it stays.
            _ = std::fs::remove_dir(day);
        }
        Ok(due.bytes)
    }

    /// What was in use when that was [noted](Shelf::note) last: a deployer that was just started, and has not read yet what
    /// it is about, takes nothing for unused. `None`: it never was. Blocking.
    ///
    /// # Errors
    ///
    /// When the note can't be read.
    pub fn noted(&self) -> io::Result<Option<InUse>> {
        match std::fs::read_to_string(self.dir.join(Self::IN_USE)) {
            Ok(text) => Ok(Some(InUse::new([], text.lines().filter_map(|line| line.parse().ok())))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes what is in use. Blocking.
    ///
    /// # Errors
    ///
    /// When it can't be written; what was noted before stands then.
    pub fn note(&self, in_use: &InUse) -> io::Result<()> {
        let newest = in_use.read.iter().rev().take(Self::IN_USE_MAX);
        let lines: Vec<_> = newest.map(|job| format!("{job}\n")).collect();
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(lines.concat().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.dir.join(Self::IN_USE)).map(drop).map_err(|error| error.error)
    }

    /// The days that have a folder, newest first.
    fn days(&self) -> io::Result<Vec<String>> {
        let mut days = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                days.extend(entry.file_name().into_string());
            }
        }
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days)
    }

    /// Its logs, newest first. What is no log is passed over.
    fn of_day(&self, day: &str) -> io::Result<Vec<Entry>> {
        let mut logs = BTreeMap::<JobId, Entry>::new();
        for entry in std::fs::read_dir(self.dir.join(day))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((job, ending)) = named(day, &name) else { continue };
            let metadata = match entry.metadata() {
                Ok(metadata) if metadata.is_file() => metadata,
                // Somebody renamed it just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
                Ok(_) => continue,
            };
            let new = Entry { job: job.clone(), bytes: 0, is_packed: true, written_ms: 0 };
            let log = logs.entry(job).or_insert(new);
            log.bytes += metadata.len();
            let since_1970 = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            log.written_ms = log.written_ms.max(since_1970.as_millis() as u64);
            log.is_packed &= ending != ".log";
        }
        Ok(logs.into_values().rev().collect())
    }
}

/// The job whose log this is, or belongs to, and how the file's name ends.
fn named<'a>(day: &str, name: &'a std::ffi::OsStr) -> Option<(JobId, &'a str)> {
    let name = name.to_str()?;
    let (rest, ending) = name.split_at(name.find('.')?);
    let job = format!("{day}/{rest}").parse().ok()?;
    ending.starts_with(".log").then_some((job, ending))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;
    use crate::ids::OpId;

    #[test]
    fn a_log_was_written_when_its_job_said_something_last_packed_or_not() {
        const SAID_MS: u64 = 1_790_000_000_000;
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        let shelf = Shelf::of(&store);
        let job = JobId::new(OpId::new("build"), SAID_MS - 1_000_000_000, 0);
        let log = store.log_path(&job);
        let day = log.parent().unwrap();
        std::fs::create_dir_all(day).unwrap();
        std::fs::write(&log, "what a build says").unwrap();
        let said = UNIX_EPOCH + Duration::from_millis(SAID_MS);
        File::options().write(true).open(&log).unwrap().set_modified(said).unwrap();
        let written = || {
            let found = shelf.of_day(day.file_name().unwrap().to_str().unwrap()).unwrap();
            found.into_iter().map(|entry| (entry.written_ms, entry.is_packed)).collect::<Vec<_>>()
        };
        assert_eq!(written(), [(SAID_MS, false)]);
        shelf.settle(&Due { job, bytes: 0, expires: None }).unwrap();
        assert_eq!(written(), [(SAID_MS, true)]);
    }
}
