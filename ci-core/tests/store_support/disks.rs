//! Disks that fail.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ci_core::store::{Disk, RealDisk};

/// Stops obeying after so many bytes; everything that is no write of bytes counts as one.
pub struct Cut {
    left: Mutex<u64>,
    given: u64,
    steps: Mutex<Vec<(u64, u64)>>,
    /// How many of the bytes of each file (by inode) were synced.
    synced: Mutex<HashMap<u64, u64>>,
    /// The names that were given since their folder was synced, and what each was before.
    named: Mutex<Vec<(PathBuf, Option<PathBuf>)>>,
}

impl Cut {
    pub fn after(bytes: u64) -> Self {
        Self {
            left: Mutex::new(bytes),
            given: bytes,
            steps: Mutex::default(),
            synced: Mutex::default(),
            named: Mutex::default(),
        }
    }

    /// How much it would still do.
    pub fn left(&self) -> u64 {
        *self.left.lock().unwrap()
    }

    /// From where to where in what it was given each step went.
    pub fn steps(&self) -> Vec<(u64, u64)> {
        self.steps.lock().unwrap().clone()
    }

    /// What a power cut leaves: takes away what was written but never synced.
    pub fn lose_what_was_not_synced(&self, folder: &Path) {
        let synced = self.synced.lock().unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = File::options().write(true).open(entry.unwrap().path()).unwrap();
            let metadata = file.metadata().unwrap();
            let len = synced.get(&metadata.ino()).copied().unwrap_or(0);
            file.set_len(len.min(metadata.len())).unwrap();
        }
    }

    /// What a power cut may leave besides: takes away names, too, whose folder was not synced since they were given. That
    /// a file was removed is not taken back.
    pub fn lose_names_that_were_not_synced(&self) {
        for (path, before) in std::mem::take(&mut *self.named.lock().unwrap()).into_iter().rev() {
            let lost = match before {
                Some(before) => std::fs::rename(path, before),
                None => std::fs::remove_file(path),
            };
            assert!(lost.is_ok() || lost.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
        }
    }

    fn spend(&self, wanted: u64) -> io::Result<u64> {
        let mut left = self.left.lock().unwrap();
        let spent = wanted.min(*left);
        let from = self.given - *left;
        self.steps.lock().unwrap().push((from, from + spent));
        *left -= spent;
        if spent == 0 { Err(io::Error::other("the power is gone")) } else { Ok(spent) }
    }
}

impl Disk for Cut {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.spend(1)?;
        self.named.lock().unwrap().push((path.to_owned(), None));
        RealDisk.create(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let spent = self.spend(bytes.len() as u64)?;
        file.write_at(&bytes[..spent as usize], offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.spend(1)?;
        let metadata = file.metadata()?;
        self.synced.lock().unwrap().insert(metadata.ino(), metadata.len());
        Ok(())
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        self.spend(1)?;
        RealDisk.truncate(file, len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.spend(1)?;
        self.named.lock().unwrap().push((to.to_owned(), Some(from.to_owned())));
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.spend(1)?;
        RealDisk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.spend(1)?;
        self.named.lock().unwrap().retain(|(named, _)| named.parent() != Some(path));
        RealDisk.sync_folder(path)
    }
}

/// Obeys, but has no space while `full` is set: it takes `room` more bytes and then says so.
#[derive(Default)]
pub struct Filling {
    pub full: AtomicBool,
    pub room: AtomicU64,
    /// Fails the sync instead of the write, as file systems do that allocate late.
    pub late: AtomicBool,
}

impl Disk for Filling {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if !self.full.load(Ordering::SeqCst) || self.late.load(Ordering::SeqCst) {
            return RealDisk.write_at(file, bytes, offset);
        }
        let room = self.room.load(Ordering::SeqCst).min(bytes.len() as u64);
        self.room.fetch_sub(room, Ordering::SeqCst);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.write_at(file, &bytes[..room as usize], offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) && self.late.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.sync(file)
    }
}
