//! A process killed at a random moment has written all that it was told is written, and the next one says so.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use ci_core::store::record::Record;
use ci_core::store::{DamageKind, Options, Store};
use store_support::*;

const CHILD: &str = "STORE_TEST_CHILD";
const SEED: &str = "STORE_TEST_SEED";
const ROUNDS: u64 = 20;

fn options() -> Options {
    // Compacts every few dozen records.
    Options { segment_bytes_max: 10_000, ..Options::default() }
}

/// Job `n` says three things; each is acknowledged on its own.
fn records(n: u32, epoch: u64) -> [Record; 3] {
    [intent("build", n % 7, n, epoch), handle(n, &format!("c{n}")), outcome(n, n.is_multiple_of(2), epoch)]
}

/// Writes until it is killed, a handful of jobs at a time, and says what it was told.
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
            writeln!(out, "told {n} {what}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_nine() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return write_for_ever(dir.as_ref());
    }
    let mut seed: u64 = std::env::var(SEED).map_or(20_261_120, |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let dir = tempfile::tempdir().unwrap();
    // How many of its records were acknowledged, for each job, and the epoch that it was written in.
    let mut told: BTreeMap<u32, (usize, u64)> = BTreeMap::new();
    for round in 1..=ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_kill_nine", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // xorshift64
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let kill_after = seed % 400;
        let (mut lines_seen, mut epoch) = (0, 0);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["epoch", number] => epoch = number.parse().unwrap(),
                ["told", n, what] => {
                    told.insert(n.parse().unwrap(), (what.parse::<usize>().unwrap() + 1, epoch));
                    lines_seen += 1;
                }
                _ => continue,
            }
            if lines_seen == kill_after {
                // What it says after that, and before it is gone, is acknowledged as well: the loop goes on.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(lines_seen >= kill_after, "the child ended by itself");

        let (store, found) = reopened(dir.path(), options()).unwrap();
        assert!(store.damage().iter().all(|damage| damage.kind == DamageKind::Tail), "{:?}", store.damage());
        assert_eq!(store.epoch(), 2 * round, "every process has an epoch of its own");
        for (n, (count, epoch)) in &told {
            let kept = store.job(&job(*n)).unwrap_or_else(|| panic!("round {round}: job {n} is lost"));
            let [Record::Intent(intent), Record::Handle(handle), Record::Outcome(outcome)] =
                records(*n, *epoch)
            else {
                unreachable!("because that is what the function gives")
            };
            assert_eq!(kept.intent, intent);
            assert!(*count < 2 || kept.handle == Some(handle.handle), "round {round}: handle of job {n}");
            assert!(*count < 3 || kept.outcome == Some(outcome), "round {round}: outcome of job {n}");
        }
        assert!(found.jobs.len() >= told.len());
    }
}
