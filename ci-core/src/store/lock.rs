//! One store, one process.
//!
//! The lock is the kernel's, and goes with the process that holds it. One exception: a process that is killed while it
//! starts a child lives on in that child, with all its files, until the child's own program begins. So a lock whose
//! process is gone is waited for.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::error::OpenError;

/// How long a lock is waited for whose process is gone. What holds it then takes milliseconds.
const ORPHANED_MAX: Duration = Duration::from_secs(5);
/// How often it is tried meanwhile.
const ORPHANED_POLL: Duration = Duration::from_millis(5);

/// The directory is ours as long as this lives. The file tells others our process id.
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let failed = |error| OpenError::io(dir, "open", &path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let deadline = Instant::now() + ORPHANED_MAX;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&mut file);
                    if !pid.is_some_and(is_gone) || deadline <= Instant::now() {
                        return Err(OpenError::Locked { dir: dir.to_owned(), pid });
                    }
                    thread::sleep(ORPHANED_POLL);
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let told = file
            .rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = told {
            // The disk may be full, and that does not keep us from reading.
            tracing::warn!(%error, "the lock file can't say who has it");
        }
        Ok(Self { path, file })
    }

    /// Whether the file at the path is still the one we locked. If somebody removed it, another process may have
    /// made and locked one of its own.
    pub(super) fn is_ours(&self) -> io::Result<bool> {
        let (ours, there) = (self.file.metadata()?, fs::metadata(&self.path));
        match there {
            Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What the file says. It may be missing or wrong, and is only good for people and for patience.
fn holder(file: &mut File) -> Option<u32> {
    let mut pid = String::new();
    file.rewind().and_then(|()| file.take(16).read_to_string(&mut pid)).ok()?;
    pid.trim().parse().ok()
}

fn is_gone(pid: u32) -> bool {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that has ended, but that nobody has asked for its end yet, holds a number and nothing else.
    let is_ended = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z"));
    process.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
        || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(is_ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_killed_is_gone_before_its_parent_asks() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("it starts");
        assert!(!is_gone(child.id()));
        let pid = Pid::from_child(&child);
        child.kill().expect("it is ours");
        // Until it has ended, and is still to be asked for.
        let ended = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), ended).expect("it is ours");
        assert!(is_gone(child.id()));
        child.wait().expect("it is ours");
    }
}
