//! What a job wrote may be much more than the memory that there is, and there may be many rules: to read it takes little.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

use std::fs::File;
use std::time::Duration;

use ci_core::current::{Pending, all, build_with, constant};
use ci_core::log_rules::{LogRule, RULES_MAX};
use ci_core::{Bind, Bindings, Builder, Engine, Job, Level, OpError, OpId, Pace, Unbound};

const MEMORY_KIB_MAX: u64 = 64 << 10;

/// How a job fills its log before its last line.
type Fill = fn(&Job);

/// Writes a long log, and fails.
struct Chatter(Fill);

impl Bind for Chatter {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on).map(Self)
    }
}

impl Builder for Chatter {
    const ID: OpId = OpId::new("chatter");
    const AUTO_CANCEL: bool = true;
    type Key = String;
    type Value = String;

    fn level(&self, _: &String) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, _: &String) -> Result<String, OpError> {
        (self.0)(job);
        job.write(b"\nMake exited with status 2\n");
        Err(OpError::permanent("exit code 1"))
    }
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Lets a job fail by a log like this, with these rules besides the one that knows it.
async fn read(fill: Fill, others: impl Iterator<Item = LogRule>) {
    let state = tempfile::tempdir().unwrap();
    let make = LogRule::new(r"Make exited with status (\d+)", r"exit(\1)", 0).unwrap();
    let rules: Vec<_> = others.chain([make]).collect();
    let patient = Pace { log_rules: Duration::from_secs(24 * 60 * 60), ..Pace::default() };
    let before = peak_kib();
    let engine = Engine::open(state.path()).unwrap().paced(patient).with(fill);
    let pipeline = || {
        let chat = build_with(&constant(()), ci_core::DEFAULT, "chat", |_: &Chatter, ()| "log".to_owned());
        all([chat.ignore()])
    };
    let handle = engine.with_log_rules(rules).unwrap().start(pipeline).unwrap();
    let mut status = handle.status();
    let failed = status.wait_for(|status| matches!(status.outcome, Err(Pending::Failed(_)))).await;
    let outcome = failed.unwrap().outcome.clone();
    let Err(Pending::Failed(failure)) = outcome else { unreachable!() };
    assert_eq!(failure.message, "exit(2)");
    let taken = peak_kib() - before;
    assert!(taken < MEMORY_KIB_MAX, "{taken} KiB");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_gibibyte() {
    // Of zeros, that take no room on the disk.
    let fill: Fill = |job| {
        let file = File::options().write(true).open(job.log().path()).unwrap();
        file.set_len(1 << 30).unwrap();
    };
    read(fill, std::iter::empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_as_many_rules_as_there_may_be() {
    let fill: Fill = |job| (0..20_000).for_each(|n| job.say(format_args!("line {n}: {:x}", n * n)));
    // They score higher, so each is looked for to the end; and nothing of them stands out, so each line is matched.
    let others = (1..RULES_MAX).map(|n| {
        let pattern = format!(r"^\w+: .*\b\w{{3,9}}E{n:03} (\w+)$");
        LogRule::new(&pattern, r"\1", 1).unwrap()
    });
    read(fill, others).await;
}
