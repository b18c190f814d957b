//! When the power goes, what a store has acknowledged is on the device: it opens on what the device held at that
//! instant, has all of that, and shows nothing half-way. How the power is cut is told in `support/power.rs`.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

#[path = "support/power.rs"]
mod power;
mod store_support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ci_core::FailureKind;
use ci_core::store::record::{Outcome, Record};
use ci_core::store::{DamageKind, JobRecord};
use power::{CUTS_OF_ONE, Machine, cuts, is_alone, moments};
use store_support::writer::{Said, options, records, start, write_if_started};
use store_support::*;

const NAME: &str = "what_was_acknowledged_survives_a_power_cut";
const SEED: &str = "STORE_TEST_SEED";

/// How many of its records were acknowledged, for each job.
type Told = BTreeMap<u32, usize>;

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    if write_if_started() || !is_alone(NAME) {
        return;
    }
    let seed: u64 = std::env::var(SEED).map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let (mut moments, cuts) = (moments(seed), cuts(10));
    let mut acknowledged = 0;
    for first in (0..cuts).step_by(CUTS_OF_ONE as usize) {
        let (mut machine, mut told) = (Machine::new(), Told::new());
        for cut in first..cuts.min(first + CUTS_OF_ONE) {
            let epoch = write_until_the_cut(&machine, moments.next().unwrap(), &mut told);
            machine = machine.again();
            holds(machine.state(), &told, epoch, &format!("after cut {cut}"));
        }
        acknowledged += told.values().sum::<usize>();
    }
    println!("{cuts} power cuts, {acknowledged} records acknowledged");
    assert!(acknowledged > 0);
}

/// Lets a writer write until the power is cut at this moment. Says which epoch its records are of, if it came to that.
fn write_until_the_cut(machine: &Machine, moment: u64, told: &mut Told) -> Option<u64> {
    let (mut child, said) = start(NAME, machine.state());
    let (hear, heard) = mpsc::channel();
    let ear = thread::spawn(move || said.for_each(|said| hear.send(said).unwrap()));
    let mut epoch = None;
    let mut note = |said| match said {
        Said::Epoch(number) => epoch = Some(number),
        Said::Told { job, records } => _ = told.insert(job, records),
    };
    for _ in 0..moment % 300 {
        note(heard.recv().expect("it writes until the power is cut"));
    }
    // Not only just after it was told something: anywhere in what it does next.
    thread::sleep(Duration::from_micros(moment / 300 % 20_000));
    // First what it was told, then the cut. What it is told afterwards nobody has heard.
    heard.try_iter().for_each(note);
    machine.cut();
    child.kill().unwrap();
    child.wait().unwrap();
    ear.join().unwrap();
    epoch
}

/// All that was acknowledged is there; what else is there is what was on its way, and whole.
fn holds(state: &Path, told: &Told, epoch: Option<u64>, when: &str) {
    let (store, found) = reopened(state, options()).unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(store.damage().iter().all(|damage| damage.kind == DamageKind::Tail), "{:?}", store.damage());
    assert!(epoch < Some(store.epoch()), "{when}: epoch {epoch:?} comes again: {}", store.epoch());
    for (n, count) in told {
        let kept = store.job(&job(*n)).unwrap_or_else(|| panic!("{when}: job {n} is lost"));
        assert!(
            *count <= how_many_of_its_own(kept.clone()),
            "{when}: {count} records of job {n} were acknowledged: {kept:?}"
        );
    }
    for (at, kept) in found.jobs.into_iter().rev().map(without_what_came_instead).enumerate() {
        let n = at as u32 + 1;
        let [Record::Intent(intent), Record::Handle(handle), Record::Outcome(outcome)] =
            records(n, kept.intent.epoch)
        else {
            unreachable!("because that is what the function gives")
        };
        assert_eq!(kept.intent, intent, "{when}");
        let is_whole = kept.handle.as_ref().is_none_or(|kept| *kept == handle.handle)
            && kept.outcome.as_ref().is_none_or(|kept| *kept == outcome);
        assert!(is_whole, "{when}: {kept:?}");
        assert!(kept.outcome.is_none() || kept.handle.is_some(), "{when}: out of order: {kept:?}");
    }
    put(&store, approved("publish", 1, 2)).unwrap();
}

/// What an earlier cut left open ends when another job of its key begins: that is no record that the writer wrote.
fn without_what_came_instead(mut job: JobRecord) -> JobRecord {
    let is_own = |outcome: &Outcome| !matches!(&outcome.result, Err(failure) if failure.kind == FailureKind::Superseded);
    job.outcome = job.outcome.filter(is_own);
    job
}

/// How many of its three records are there.
fn how_many_of_its_own(job: JobRecord) -> usize {
    let job = without_what_came_instead(job);
    1 + usize::from(job.handle.is_some()) + usize::from(job.outcome.is_some())
}
