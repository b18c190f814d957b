//! The time of day that a deployer is told, set by the test. Debian's `faketime` stands between it and the kernel; the
//! clock that only runs forward is left alone, as when somebody sets a machine's clock.

use std::fs;
use std::path::PathBuf;

use super::World;

/// A clock that the test sets.
pub(crate) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// The clock of the deployer that `world` starts next. It is right, for now.
    pub(crate) fn of(world: &mut World) -> Self {
        let clock = Self { file: world.bed.home().join("clock") };
        clock.is_off_by("+0");
        for (name, value) in [
            ("LD_PRELOAD", library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", clock.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_DISABLE_SHM", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ] {
            world.env.push((name.to_owned(), value));
        }
        clock
    }

    /// Sets it: `+2y`, `-1h`, `+0`.
    pub(crate) fn is_off_by(&self, time: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, time).unwrap();
        fs::rename(new, &self.file).unwrap();
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten().map(|folder| folder.path());
    folders
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
        .expect("this test needs libfaketime: apt-get install faketime")
}
