//! A machine whose power can be cut: an ext4 on a block device, and the device as it is at that instant.
//!
//! The device is a loop device over a file in memory (`memfd_create`). The cut is a *seal* on that file: from one
//! instant on, the kernel refuses every write to it. What the device holds then is what it was told by then, it can't
//! change any more, and it is copied at leisure; so the copy is of one instant although writers, the file system's own
//! journal and the kernel's write-back were at work, also in the middle of a sync. Nothing is frozen or flushed for it.
//! What was only in the page cache of the file system never came to the device, and is lost, as it is when the power
//! goes. The copy is then mounted elsewhere, by which ext4 replays its journal: the machine after the cut.
//!
//! A device mapper's snapshot would do the same, where the kernel has one. Copying while the device is written would not:
//! the parts of the copy would be of different instants, which no power cut leaves.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{Command, id};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// How often the power is cut; `scripts/soak` says.
const CUTS: &str = "POWER_CUTS";
/// How often the power of one machine is cut. Looking at what it holds takes longer from cut to cut.
pub(crate) const CUTS_OF_ONE: u64 = 10;
const BYTES: u64 = 128 << 20;
/// Set in the process that has mounts of its own.
const ALONE: &str = "POWER_TEST_ALONE";

/// A machine, running. Dropped, it is switched off, and nothing of it is left.
pub(crate) struct Machine {
    device: File,
    /// Where its file system is mounted.
    mounted: tempfile::TempDir,
}

impl Machine {
    /// A new one, with nothing on its disk.
    pub(crate) fn new() -> Self {
        let device = device();
        device.set_len(BYTES).unwrap();
        // As mkfs makes it by itself, but with room for many small files.
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-b", "1024", "-i", "4096"]).arg(path(&device)));
        Self::on(device)
    }

    fn on(device: File) -> Self {
        let mounted = tempfile::tempdir().unwrap();
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(path(&device)).arg(mounted.path()));
        Self { device, mounted }
    }

    /// A folder on its disk.
    pub(crate) fn state(&self) -> &Path {
        self.mounted.path()
    }

    /// Cuts the power. From now on nothing comes to its disk.
    pub(crate) fn cut(&self) {
        fcntl_add_seals(&self.device, SealFlags::FUTURE_WRITE).unwrap();
    }

    /// The machine after the cut, when the power is back. Those who used it must be gone.
    pub(crate) fn again(mut self) -> Self {
        let mut copy = device();
        self.device.rewind().unwrap();
        io::copy(&mut self.device, &mut copy).unwrap();
        Self::on(copy)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The loop device goes with its mount. If somebody still uses that, it goes with this process.
        let _ = Command::new("umount").arg(self.mounted.path()).status();
    }
}

/// A file in memory, gone when nobody has it open.
fn device() -> File {
    memfd_create("disk", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap().into()
}

/// By which other programs find the file.
fn path(device: &File) -> String {
    format!("/proc/{}/fd/{}", id(), device.as_raw_fd())
}

fn run(command: &mut Command) {
    let program = command.get_program().to_owned();
    let status = command.status().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(status.success(), "{} failed; mounts need root and loop devices", program.display());
}

/// Runs the test of that name in a process with mounts of its own, so that none is left however it ends. In that process
/// it says `true`, and elsewhere `false` when that process is done.
pub(crate) fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut alone = Command::new("unshare");
    alone.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    let ended = alone.args([test, "--exact", "--nocapture"]).env(ALONE, "1").status().unwrap();
    assert!(ended.success(), "it says above why");
    false
}

/// Numbers of which each says the next (xorshift64): moments that a seed repeats.
pub(crate) fn moments(mut seed: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    })
}

/// How often the power is cut if nobody says otherwise.
pub(crate) fn cuts(by_default: u64) -> u64 {
    std::env::var(CUTS).map_or(by_default, |cuts| cuts.parse().unwrap())
}
