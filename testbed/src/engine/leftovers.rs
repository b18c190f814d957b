//! What an engine leaves on the machine, found by its name: processes, network namespace, control groups, disks, folder.
//!
//! The name holds the id of the process that made the engine. Whoever comes later and finds that process dead
//! removes what it made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::debian;

/// Every engine's name begins so.
const PREFIX: &str = "ci-testbed-";

/// How often to try again to remove what the kernel has not let go of yet, 50 ms apart.
const TRIES_MAX: u32 = 100;

/// `ci-testbed-PID-N`: the engine's network namespace, folder and control group.
#[derive(Clone, Debug)]
pub(super) struct Name(String);

impl Name {
    /// The `count`th engine of process `pid`.
    pub(super) fn new(pid: u32, count: u32) -> Self {
        Self(format!("{PREFIX}{pid}-{count}"))
    }

    fn parse(name: &str) -> Option<(Self, Pid)> {
        let (pid, count) = name.strip_prefix(PREFIX)?.split_once('-')?;
        let (pid, count): (u32, u32) = (pid.parse().ok()?, count.parse().ok()?);
        Some((Self::new(pid, count), Pid::from_raw(i32::try_from(pid).ok()?)?))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn dir(&self) -> PathBuf {
        std::env::temp_dir().join(&self.0)
    }

    pub(super) fn netns(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.0)
    }

    /// Removes everything of this name, and says whether nothing is left. What is not there is no error: two
    /// processes may sweep at once.
    pub(super) fn remove(&self) -> bool {
        let del = || debian::output(Command::new("ip").args(["netns", "del", &self.0]));
        eventually(|| self.kill_processes())
            && eventually(|| !self.netns().exists() || del().status.success())
            && eventually(|| control_groups(&self.0).iter().all(|group| remove_group(group)))
            && eventually(|| self.unmount_disks())
            && eventually(|| fs::remove_dir_all(self.dir()).is_ok() || !self.dir().exists())
    }

    /// Unmounts what is mounted in the folder, and says whether nothing is any more.
    fn unmount_disks(&self) -> bool {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let inside = places.filter(|place| Path::new(place).starts_with(self.dir()));
        // What was mounted last is unmounted first: it may be inside another.
        inside
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .all(|place| debian::output(Command::new("umount").arg(place)).status.success())
    }

    /// Kills all that runs in the network namespace: dockerd, and with its process namespace the containers.
    /// Says whether nothing was left to kill.
    fn kill_processes(&self) -> bool {
        let listed = debian::output(Command::new("ip").args(["netns", "pids", &self.0]));
        let own = rustix::process::getpid();
        let pids = String::from_utf8_lossy(&listed.stdout);
        let pids = pids.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        let mut none = true;
        for pid in pids.filter(|pid| *pid != own) {
            // `ip` lists itself when it runs in there, and has ended by now.
            none &= kill_process(pid, Signal::KILL).is_err();
        }
        none
    }
}

/// Removes the engines of dead processes.
pub(super) fn sweep() {
    let entries = [PathBuf::from("/run/netns"), std::env::temp_dir()];
    let entries = entries.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    for (name, maker) in entries.filter_map(|entry| Name::parse(entry.file_name().to_str()?)) {
        if test_kill_process(maker).is_err() {
            let _others_turn = name.remove();
        }
    }
}

/// The control groups of this name: one in all (version 2), or one a controller (version 1).
fn control_groups(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let controllers = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let groups = controllers.chain([root.to_owned()]).map(|folder| folder.join(name));
    groups.filter(|group| group.is_dir()).collect()
}

/// A control group's files can't be removed, only the group itself, innermost first.
fn remove_group(group: &Path) -> bool {
    let inner = fs::read_dir(group).into_iter().flatten().flatten().filter(|e| e.path().is_dir());
    inner.for_each(|entry| {
        remove_group(&entry.path());
    });
    fs::remove_dir(group).is_ok() || !group.exists()
}

fn eventually(mut done: impl FnMut() -> bool) -> bool {
    (0..TRIES_MAX).any(|try_| {
        if try_ > 0 {
            thread::sleep(Duration::from_millis(50));
        }
        done()
    })
}
