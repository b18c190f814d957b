//! A process to be found: `sleep` for a time that nobody else sleeps.

use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::eventually;

/// A step of a build that takes long.
pub(crate) struct Sleep {
    fraction: String,
}

impl Sleep {
    /// About an hour: the fraction is the test's own.
    pub(crate) fn of_one_hour() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self { fraction: format!("{}{:03}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)) }
    }

    fn runs(&self) -> bool {
        let wanted = format!("sleep\x003600.{}\0", self.fraction);
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .any(|line| line == wanted.as_bytes())
    }

    /// Waits until it runs.
    pub(crate) fn begins(&self) {
        eventually(&format!("a process `{self}`"), || self.runs().then_some(()));
    }

    /// Waits until it does not.
    pub(crate) fn is_over(&self) {
        eventually(&format!("an end of `{self}`"), || (!self.runs()).then_some(()));
    }
}

impl fmt::Display for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sleep 3600.{}", self.fraction)
    }
}
