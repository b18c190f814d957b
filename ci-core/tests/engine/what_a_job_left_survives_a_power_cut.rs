//! A job is told to be over when its log and what it left are on the disk: a power cut at that moment takes nothing of
//! them. How the power is cut is told in `support/power.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ci_core::current::{all, build_with};
use ci_core::event::{Phase, What};
use ci_core::job::Scratch;
use ci_core::store::{DamageKind, JobFilter, JobRecord, Store};
use ci_core::{Bind, Bindings, Builder, Current, DEFAULT, Job, JobId, Level, OpError, OpId, Unbound};

use crate::power::{CUTS_OF_ONE, Machine, cuts, is_alone, moments};
use crate::support::{Child, Ci, Name, World, head};

const NAME: &str = "what_a_job_left_survives_a_power_cut::its_log_and_its_artifact";
const SEED: &str = "STORE_TEST_SEED";
const HEADS: [&str; 4] = ["one", "two", "three", "four"];

/// Prints, and leaves an artifact in this folder.
#[derive(Clone)]
struct Leave(PathBuf);

impl Bind for Leave {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Leave {
    const ID: OpId = OpId::new("leave");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        if leaves_an_artifact(key) {
            let unusable = |error| OpError::infrastructure("no artifact").with_source(error);
            let scratch = Scratch::within(&self.0).await.map_err(unusable)?;
            fs::write(scratch.path().join("file"), content(key)).map_err(unusable)?;
            scratch.keep_as(self.0.join(&key.0)).await.map_err(unusable)?;
        }
        job.write(printed(key).as_bytes());
        Ok(key.clone())
    }
}

/// What its job prints: of several blocks.
fn printed(key: &Name) -> String {
    (0..500).map(|line| format!("{key} says {line}\n")).collect()
}

fn content(key: &Name) -> String {
    format!("left by {key}\n").repeat(200)
}

/// Not all do: what keeps one syncs the file system, and the logs of others with it.
fn leaves_an_artifact(key: &Name) -> bool {
    key.0.starts_with("four.") && key.0.ends_with(['0', '5'])
}

fn artifacts(state: &Path) -> PathBuf {
    state.join("artifacts")
}

fn pipeline() -> Current<()> {
    let leave = |name: &'static str| {
        build_with(&head(name), DEFAULT, name, move |_: &Leave, n: &u32| Name(format!("{name}.{n}"))).ignore()
    };
    all(HEADS.map(leave))
}

/// In a process of its own: moves the heads on and on, and says which jobs it is told are over.
#[tokio::main]
async fn work_for_ever(state: &Path) {
    fs::create_dir_all(artifacts(state)).unwrap();
    let world = World::default();
    let first = Store::open(state).unwrap().jobs(&JobFilter::default(), usize::MAX).len() as u32;
    let set = |n| HEADS.iter().for_each(|name| world.set(name, n));
    set(first);
    let with_folder = |engine: ci_core::Engine| engine.with(Leave(artifacts(state)));
    let mut ci = Ci::with(state, &world, with_folder, pipeline);
    for n in first.. {
        set(n);
        for _ in HEADS {
            let over = ci.event(|event| match event {
                What::Job { job, summary, phase: Phase::Succeeded { .. }, .. } => {
                    Some(format!("over {job} {summary}"))
                }
                _ => None,
            });
            Child::say(&over.await);
        }
    }
}

#[test]
fn its_log_and_its_artifact() {
    if let Some(state) = Child::state() {
        return work_for_ever(&state);
    }
    if !is_alone(NAME) {
        return;
    }
    let seed: u64 = std::env::var(SEED).map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let (mut moments, cuts) = (moments(seed), cuts(4));
    let mut jobs = 0;
    for first in (0..cuts).step_by(CUTS_OF_ONE as usize) {
        let (mut machine, mut over) = (Machine::new(), BTreeMap::new());
        for cut in first..cuts.min(first + CUTS_OF_ONE) {
            work_until_the_cut(&machine, moments.next().unwrap(), &mut over);
            machine = machine.again();
            holds(machine.state(), &over, &format!("after cut {cut}"));
        }
        jobs += over.len();
    }
    println!("{cuts} power cuts, {jobs} jobs were over");
    assert!(jobs > 0);
}

/// Lets an engine work until the power is cut at this moment.
fn work_until_the_cut(machine: &Machine, moment: u64, over: &mut BTreeMap<JobId, Name>) {
    let engine = Child::of(NAME, machine.state(), |command| command);
    let (hear, heard) = mpsc::channel();
    let said = engine.lines();
    let ear = thread::spawn(move || said.for_each(|line| hear.send(line.unwrap()).unwrap()));
    let mut note = |line: String| {
        if let ["over", job, key] = line.split(' ').collect::<Vec<_>>()[..] {
            over.insert(job.parse().unwrap(), Name(key.to_owned()));
        }
    };
    for _ in 0..moment % 60 {
        note(heard.recv().expect("it works until the power is cut"));
    }
    // Not only just after it was told something: anywhere in what it does next.
    thread::sleep(Duration::from_micros(moment / 60 % 30_000));
    // First what it was told, then the cut. What it is told afterwards nobody has heard.
    heard.try_iter().for_each(note);
    machine.cut();
    drop(engine);
    ear.join().unwrap();
}

/// Each job that was told to be over is so on record, and all that is so on record has its log and its artifact.
fn holds(state: &Path, over: &BTreeMap<JobId, Name>, when: &str) {
    let store = Store::open(state).unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(store.damage().iter().all(|damage| damage.kind == DamageKind::Tail), "{:?}", store.damage());
    let is_ok = |job: &JobRecord| job.outcome.as_ref().is_some_and(|outcome| outcome.result.is_ok());
    for (job, key) in over {
        assert!(store.job(job).as_ref().is_some_and(is_ok), "{when}: {key}, job {job}, is not over");
    }
    for job in store.jobs(&JobFilter::default(), usize::MAX).into_iter().filter(is_ok) {
        let key: Name = serde_json::from_value(job.intent.key_fields).unwrap();
        let log = fs::read_to_string(store.log_path(&job.intent.job)).unwrap_or_default();
        assert!(log.ends_with(&printed(&key)), "{when}: of the log of {key} {} bytes are there", log.len());
        let artifact = fs::read_to_string(artifacts(state).join(&key.0).join("file"));
        let left = leaves_an_artifact(&key).then(|| content(&key));
        assert_eq!(artifact.ok(), left, "{when}: the artifact of {key}");
    }
}
