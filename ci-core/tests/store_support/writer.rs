//! A process that writes for as long as it lives, and says what it was told is durable.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use ci_core::store::record::Record;
use ci_core::store::{Options, Store};

use super::{handle, intent, outcome};

/// Set in the writer: where the store is.
const CHILD: &str = "STORE_TEST_CHILD";

pub fn options() -> Options {
    // Compacts every few dozen records.
    Options { segment_bytes_max: 10_000, ..Options::default() }
}

/// Job `n` says three things; each is acknowledged on its own.
pub fn records(n: u32, epoch: u64) -> [Record; 3] {
    [intent("build", n % 7, n, epoch), handle(n, &format!("c{n}")), outcome(n, n.is_multiple_of(2), epoch)]
}

/// What a writer says.
#[derive(Debug)]
pub enum Said {
    /// Which opening of the store its records are of.
    Epoch(u64),
    /// So many of the records of this job are durable.
    Told { job: u32, records: usize },
}

impl FromStr for Said {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let number = |word: &str| word.parse().map_err(drop);
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["epoch", epoch] => Ok(Self::Epoch(number(epoch)?)),
            ["told", job, records] => {
                Ok(Self::Told { job: number(job)? as u32, records: number(records)? as usize })
            }
            _ => Err(()),
        }
    }
}

/// In the process that a test has started by [`start`]: writes until it is killed. Elsewhere it does nothing.
pub fn write_if_started() -> bool {
    let Some(dir) = std::env::var_os(CHILD) else { return false };
    write_for_ever(dir.as_ref());
    true
}

/// A handful of jobs at a time.
fn write_for_ever(dir: &Path) {
    let store = Store::open_with(dir, options()).unwrap();
    let first = store.jobs(&Default::default(), 1).first().map_or(1, |newest| {
        let (_, number) = newest.intent.job.as_str().rsplit_once('-').unwrap();
        u32::from_str_radix(number, 16).unwrap() + 1
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nepoch {}", store.epoch()).unwrap();
    for lot in 0.. {
        let jobs = first + lot * 5..first + lot * 5 + 5;
        let waiting: Vec<_> = jobs
            .flat_map(|n| {
                records(n, store.epoch()).map(|record| (n, store.append(record))).into_iter().enumerate()
            })
            .collect();
        for (what, (n, append)) in waiting {
            append.wait().unwrap();
            writeln!(out, "told {n} {}", what + 1).unwrap();
            out.flush().unwrap();
        }
    }
}

/// Starts the test of this name as a writer, and hears what it says until it is gone.
pub fn start(test: &str, dir: &Path) -> (Child, impl Iterator<Item = Said> + Send + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.filter_map(|line| line.unwrap().parse().ok()))
}
