//! The journal: the files that are the truth.
//!
//! In the folder lie at most one *snapshot* `LAST-FRAMES.snapshot`, which holds what still matters of the records
//! up to number LAST in FRAMES frames, and after it *segments* `FIRST.journal`, of which the last is appended to.
//! Numbers grow by one from record to record and are never used twice for records that anybody was told of; a gap
//! means that records are lost. What a crash between two steps of a compaction leaves behind says nothing new, and is
//! removed at the next open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use super::disk::{Disk, write_all_at};
use super::error::{Damage, DamageKind, OpenError};
use super::fold::{Fold, Kept, NotApplied};
use super::frame::{Found, Frame, Frames};
use super::index::Index;
use super::ledger::Ledger;
use super::record::Record;
use super::rows::IndexError;

/// Records are applied to the index in lots of this many bytes when the journal is replayed.
const REPLAY_LOT_BYTES: usize = 4 << 20;

/// A few records take no more.
const PROBE_BYTES: usize = 64 << 10;

pub(super) struct Journal {
    pub(super) folder: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) ledger: Ledger,
    pub(super) active: Active,
    /// The number of the last record.
    pub(super) last: u64,
}

/// The segment that is appended to.
pub(super) struct Active {
    pub(super) path: PathBuf,
    file: File,
    /// Where the next frame goes. All before is on disk.
    pub(super) len: u64,
    /// A failed write may have left something behind `len`.
    soiled: bool,
}

/// Reading a file failed.
#[derive(Debug, thiserror::Error)]
#[error("can't read {}: {source}", path.display())]
pub(super) struct ReadError {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl ReadError {
    fn of(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self { path: path.to_owned(), source }
    }
}

impl From<ReadError> for IndexError {
    fn from(error: ReadError) -> Self {
        Self(error.to_string())
    }
}

/// What the folder holds, in the order in which it is read.
#[derive(Default)]
pub(super) struct Files {
    /// The last record it stands for, how many frames it has.
    snapshot: Option<(u64, u64, PathBuf)>,
    /// The first record, the file.
    pub(super) segments: Vec<(u64, PathBuf)>,
    /// What a compaction left behind.
    leftovers: Vec<PathBuf>,
}

impl Files {
    pub(super) fn list(folder: &Path) -> Result<Self, ReadError> {
        let mut files = Self::default();
        for entry in fs::read_dir(folder).map_err(ReadError::of(folder))? {
            let path = entry.map_err(ReadError::of(folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(first) = name.strip_suffix(".journal").and_then(|n| n.parse().ok()) {
                files.segments.push((first, path));
            } else if let Some((last, frames)) = name.strip_suffix(".snapshot").and_then(two_numbers) {
                let newer = files.snapshot.as_ref().is_none_or(|(other, ..)| last > *other);
                let older =
                    if newer { files.snapshot.replace((last, frames, path)) } else { Some((0, 0, path)) };
                files.leftovers.extend(older.map(|(.., path)| path));
            } else if name.ends_with(".tmp") {
                files.leftovers.push(path);
            }
        }
        files.segments.sort();
        Ok(files)
    }

    /// What is read, in that order.
    pub(super) fn current(&self) -> impl Iterator<Item = &Path> {
        let snapshot = self.snapshot.iter().map(|(.., path)| path);
        snapshot.chain(self.segments.iter().map(|(_, path)| path)).map(PathBuf::as_path)
    }

    /// All of them.
    pub(super) fn into_paths(self) -> impl Iterator<Item = PathBuf> {
        let segments = self.segments.into_iter().map(|(_, path)| path);
        self.leftovers.into_iter().chain(self.snapshot.map(|(.., path)| path)).chain(segments)
    }
}

fn two_numbers(text: &str) -> Option<(u64, u64)> {
    let (one, two) = text.split_once('-')?;
    Some((one.parse().ok()?, two.parse().ok()?))
}

/// What comes next in the journal.
pub(super) enum Next<'a> {
    Frame(Frame<'a>),
    Damage(DamageKind, Range<u64>),
}

/// Reads all records in order, each number once, and says the last number.
pub(super) fn read<E: From<ReadError>>(
    files: &Files,
    mut see: impl FnMut(&Path, Next<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let covered = files.snapshot.as_ref().map_or(0, |(last, ..)| *last);
    let snapshot = files.snapshot.iter().map(|(_, frames, path)| (path, Some(*frames)));
    let segments = files.segments.iter().map(|(_, path)| (path, None));
    let mut last = 0;
    for (path, snapshot_frames) in snapshot.chain(segments) {
        let mut frames = Frames::new(File::open(path).map_err(ReadError::of(path))?);
        let mut count = 0;
        let mut end = 0;
        while let Some(found) = frames.next().map_err(ReadError::of(path))? {
            match found {
                Found::Bad { at, last } => {
                    end = at.end;
                    let kind = if last { DamageKind::Tail } else { DamageKind::Bytes };
                    see(path, Next::Damage(kind, at))?;
                }
                Found::Frame(frame) => {
                    (count, end) = (count + 1, frame.at.end);
                    let sequence = frame.sequence;
                    if sequence <= last {
                        // A segment that a snapshot stands for was not removed yet.
                        if sequence > covered || snapshot_frames.is_some() {
                            let kind = DamageKind::Unreadable(format!("its number {sequence} is taken"));
                            see(path, Next::Damage(kind, frame.at))?;
                        }
                        continue;
                    }
                    if snapshot_frames.is_none() && sequence != last + 1 {
                        let kind = DamageKind::Missing(sequence - last - 1);
                        see(path, Next::Damage(kind, frame.at.start..frame.at.start))?;
                    }
                    see(path, Next::Frame(frame))?;
                    last = sequence;
                }
            }
        }
        if let Some(lost) = snapshot_frames.and_then(|frames| frames.checked_sub(count)).filter(|n| *n > 0) {
            see(path, Next::Damage(DamageKind::Missing(lost), end..end))?;
        }
        if snapshot_frames.is_some() {
            last = last.max(covered);
        }
    }
    Ok(last)
}

impl Journal {
    /// Opens the journal in `folder`, and cuts off a torn end. Damage goes to the ledger.
    ///
    /// # Errors
    ///
    /// When it holds records of a newer program, or can't be read or written. Then nothing was changed.
    pub(super) fn open(
        dir: &Path,
        folder: &Path,
        disk: Arc<dyn Disk>,
        ledger: Ledger,
    ) -> Result<Self, OpenError> {
        let unreadable = |error: ReadError| OpenError::io(dir, "read", &error.path, error.source);
        let files = Files::list(folder).map_err(unreadable)?;
        let (mut newer, mut damages, mut tail) = (None, Vec::new(), None);
        let last = read::<ReadError>(&files, |path, next| {
            match next {
                Next::Frame(frame) if frame.version > Record::VERSION => {
                    newer.get_or_insert((path.to_owned(), frame.version));
                }
                Next::Frame(_) => {}
                Next::Damage(kind, at) => damages.push((kind, path.to_owned(), at)),
            }
            Ok(())
        })
        .map_err(unreadable)?;
        if let Some((file, found)) = newer {
            return Err(OpenError::Newer { file, found, known: Record::VERSION });
        }
        let newest = files.segments.last().map(|(_, path)| path.clone());
        for (kind, path, at) in damages {
            let torn = kind == DamageKind::Tail && newest.as_ref() == Some(&path);
            let copied = ledger.report(kind, &path, at.clone());
            // What could not be copied stays: the reader finds its way past it.
            if torn && copied {
                tail = Some(at.start);
            }
        }
        let active = match newest {
            Some(path) => {
                Active::open(&*disk, &path, tail).map_err(|error| OpenError::io(dir, "open", &path, error))?
            }
            None => Active::create(&*disk, folder, last + 1)
                .map_err(|error| OpenError::io(dir, "make a journal in", folder, error))?,
        };
        for leftover in &files.leftovers {
            if let Err(error) = disk.remove(leftover) {
                tracing::warn!(file = %leftover.display(), %error, "what a compaction left can't be removed");
            }
        }
        Ok(Self { folder: folder.to_owned(), disk, ledger, active, last })
    }

    /// Whether something is bad that is still there: anything but a torn end, which was cut off.
    pub(super) fn is_damaged(&self) -> bool {
        let cut_off = |damage: &Damage| damage.kind == DamageKind::Tail && damage.file == self.active.path;
        !self.ledger.damages().iter().all(cut_off)
    }

    /// Somebody knows of that many records after the last one.
    pub(super) fn lost(&self, records: u64) {
        let end = self.active.len;
        self.ledger.report(DamageKind::Missing(records), &self.active.path, end..end);
    }

    /// Adds frames and returns when they are on disk. `last` is the number of the last of them.
    ///
    /// # Errors
    ///
    /// Then none of them is in the journal, as far as the disk still obeys, and the next call begins by making sure.
    pub(super) fn append(&mut self, frames: &[u8], last: u64) -> io::Result<()> {
        let (disk, active) = (&*self.disk, &mut self.active);
        if active.soiled {
            active.wipe(disk)?;
        }
        let written =
            write_all_at(disk, &active.file, frames, active.len).and_then(|()| disk.sync(&active.file));
        if let Err(error) = written {
            active.soiled = true;
            if let Err(wipe) = active.wipe(disk) {
                tracing::warn!(error = %wipe, "a failed write can't be taken back yet");
            }
            return Err(error);
        }
        active.len += frames.len() as u64;
        self.last = last;
        Ok(())
    }

    /// Tries whether there is room for what is usually written, beside the segments.
    pub(super) fn probe(&self) -> io::Result<()> {
        // Should it stay, the next open takes it for what a compaction left.
        let path = self.folder.join("probe.tmp");
        let written = self.disk.create(&path).and_then(|file| {
            write_all_at(&*self.disk, &file, &[0; PROBE_BYTES], 0)?;
            self.disk.sync(&file)
        });
        let removed = self.disk.remove(&path);
        written.and(removed)
    }

    /// Applies the records after number `after` to the index. What can't be applied goes to the ledger.
    pub(super) fn replay(
        &self,
        after: u64,
        index: &mut Index,
        kept: Kept,
        prepare: fn(Record) -> Record,
    ) -> Result<(), IndexError> {
        replay(&Files::list(&self.folder)?, after, index, kept, prepare, |kind, path, at| {
            self.ledger.report(kind, path, at);
        })
    }
}

/// Applies the records after number `after` to the index, and tells what can't be applied.
pub(super) fn replay<E: From<ReadError> + From<IndexError>>(
    files: &Files,
    after: u64,
    index: &mut Index,
    kept: Kept,
    prepare: fn(Record) -> Record,
    damaged: impl Fn(DamageKind, &Path, Range<u64>),
) -> Result<(), E> {
    let mut apply = |lot: Lot| {
        let mut fold = Fold::over(&*index, kept)?;
        fold.expect(lot.seen.len());
        for Seen { what, path, at } in lot.seen {
            match what.map(|(sequence, record)| fold.apply(sequence, record)) {
                Ok(Ok(())) => {}
                Ok(Err(NotApplied::Index(error))) => return Err(error),
                Ok(Err(NotApplied::Refused(why))) => damaged(DamageKind::Refused(why), &path, at),
                Err(kind) => damaged(kind, &path, at),
            }
        }
        let changes = fold.into_changes();
        index.commit(changes)
    };
    // What one lot says is worked out while the next is read.
    thread::scope(|scope| {
        let (send, lots) = mpsc::sync_channel(1);
        let reads = thread::Builder::new()
            .name("ci-replay".to_owned())
            .spawn_scoped(scope, move || read_lots(files, after, prepare, send))
            .map_err(|error| IndexError(format!("can't start a thread: {error}")))?;
        for lot in lots {
            apply(lot)?;
        }
        match reads.join() {
            Ok(read) => Ok(read?),
            Err(_) => Err(IndexError("reading the journal panicked".to_owned()).into()),
        }
    })
}

/// What was read at once.
#[derive(Default)]
struct Lot {
    seen: Vec<Seen>,
    bytes: usize,
}

/// A record and its number, or what is wrong there.
struct Seen {
    what: Result<(u64, Record), DamageKind>,
    path: PathBuf,
    at: Range<u64>,
}

/// Reads the records after number `after`, for as long as somebody takes them.
fn read_lots(
    files: &Files,
    after: u64,
    prepare: fn(Record) -> Record,
    send: SyncSender<Lot>,
) -> Result<(), ReadError> {
    let mut lot = Lot::default();
    read::<ReadError>(files, |path, next| {
        match next {
            Next::Frame(frame) if frame.sequence > after => {
                let record = Record::decode(frame.version, frame.payload());
                let what = record.map(|record| (frame.sequence, prepare(record)));
                let what = what.map_err(DamageKind::Unreadable);
                lot.bytes += frame.bytes.len();
                lot.seen.push(Seen { what, path: path.to_owned(), at: frame.at });
            }
            Next::Frame(_) => {}
            Next::Damage(kind, at) => lot.seen.push(Seen { what: Err(kind), path: path.to_owned(), at }),
        }
        if lot.bytes >= REPLAY_LOT_BYTES {
            // Who does not take it has failed, and says so.
            let _ = send.send(std::mem::take(&mut lot));
        }
        Ok(())
    })?;
    let _ = send.send(lot);
    Ok(())
}

impl Active {
    /// A new segment whose first record will be `first`.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, first: u64) -> io::Result<Self> {
        let path = folder.join(format!("{first:020}.journal"));
        let file = disk.create(&path)?;
        disk.sync_folder(folder)?;
        Ok(Self { path, file, len: 0, soiled: false })
    }

    /// The newest segment, cut to `tail` bytes when its end is torn.
    fn open(disk: &dyn Disk, path: &Path, tail: Option<u64>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let len = tail.map_or_else(|| file.metadata().map(|m| m.len()), Ok)?;
        let mut active = Self { path: path.to_owned(), file, len, soiled: tail.is_some() };
        if active.soiled
            && let Err(error) = active.wipe(disk)
        {
            tracing::warn!(file = %path.display(), %error, "the torn end can't be cut off yet");
        }
        Ok(active)
    }

    fn wipe(&mut self, disk: &dyn Disk) -> io::Result<()> {
        disk.truncate(&self.file, self.len)?;
        disk.sync(&self.file)?;
        self.soiled = false;
        Ok(())
    }
}
