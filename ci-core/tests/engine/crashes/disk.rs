//! A disk each of whose steps can be the last, or find it full.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use ci_core::store::{Disk, RealDisk};

use crate::support::World;

/// It ends with the program: before a step, or after it and before anybody is told.
pub(super) struct Mortal {
    world: World,
    /// Which of the steps that need space find none, counted from 0.
    full: Range<u32>,
    needed_space: AtomicU32,
    cuts: Mutex<Vec<String>>,
}

impl Mortal {
    pub(super) fn new(world: &World, full: Range<u32>) -> Self {
        Self { world: world.clone(), full, needed_space: AtomicU32::new(0), cuts: Mutex::default() }
    }

    /// Where the story was cut so far.
    pub(super) fn cuts(&self) -> Vec<String> {
        self.cuts.lock().unwrap().clone()
    }

    pub(super) fn was_cut(&self, at: String) {
        self.cuts.lock().unwrap().push(at);
    }

    fn step<T>(&self, what: &str, path: &Path, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let dead = || io::Error::other("the program is dead");
        let name = name(path);
        if self.world.reaches(&format!("before: {what} {name}")) {
            return Err(dead());
        }
        let done = act()?;
        if self.world.reaches(&format!("after: {what} {name}")) { Err(dead()) } else { Ok(done) }
    }

    /// Whether there is space for this step.
    fn has_space(&self, what: &str, path: &Path) -> io::Result<()> {
        if self.full.contains(&self.needed_space.fetch_add(1, Ordering::SeqCst)) {
            self.was_cut(format!("{what} {}", name(path)));
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

fn name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

fn path_of(file: &File) -> PathBuf {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}

impl Disk for Mortal {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.has_space("create", path)?;
        self.step("create", path, || RealDisk.create(path))
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let path = path_of(file);
        self.has_space("write", &path)?;
        self.step("write", &path, || file.write_at(bytes, offset))
    }

    /// It is the program that dies, not the machine. A file system that allocates late finds that it is full here.
    fn sync(&self, file: &File) -> io::Result<()> {
        let path = path_of(file);
        self.has_space("sync", &path)?;
        self.step("sync", &path, || Ok(()))
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        self.step("cut", &path_of(file), || file.set_len(len))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", to, || RealDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove", path, || RealDisk.remove(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step("sync folder", path, || Ok(()))
    }
}
