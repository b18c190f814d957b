//! A process killed at a random moment has written all that it was told is written, and the next one says so.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::collections::BTreeMap;

use ci_core::store::DamageKind;
use ci_core::store::record::Record;
use store_support::writer::{Said, options, records, start, write_if_started};
use store_support::*;

const SEED: &str = "STORE_TEST_SEED";
const ROUNDS: u64 = 20;

#[test]
fn what_was_acknowledged_survives_kill_nine() {
    if write_if_started() {
        return;
    }
    let mut seed: u64 = std::env::var(SEED).map_or(20_261_120, |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let dir = tempfile::tempdir().unwrap();
    // How many of its records were acknowledged, for each job, and the epoch that it was written in.
    let mut told: BTreeMap<u32, (usize, u64)> = BTreeMap::new();
    for round in 1..=ROUNDS {
        let (mut child, said) = start("what_was_acknowledged_survives_kill_nine", dir.path());
        // xorshift64
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let kill_after = seed % 400;
        let (mut lines_seen, mut epoch) = (0, 0);
        for said in said {
            match said {
                Said::Epoch(number) => epoch = number,
                Said::Told { job, records } => {
                    told.insert(job, (records, epoch));
                    lines_seen += 1;
                }
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
