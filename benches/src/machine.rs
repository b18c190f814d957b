//! Where, and when.

use std::fmt;
use std::fs;
use std::thread;

use serde::Serialize;

/// The machine that was measured on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's own name.
    pub cpu: String,
    /// How many of its cores there are for us.
    pub cores: usize,
    /// The day, UTC: `2026-11-30`.
    pub date: String,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name =
            cpus.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()));
        Self {
            cpu: name.unwrap_or("a processor without a name").to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores, {}", self.cpu, self.cores, self.date)
    }
}
