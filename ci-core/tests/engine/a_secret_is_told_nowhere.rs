use std::fmt;
use std::path::Path;

use ci_core::current::{build_with, constant};
use ci_core::event::{Phase, What};
use ci_core::job::{Log, LogReader};
use ci_core::process::Process;
use ci_core::secret::{Secret, Secrets};
use ci_core::{
    Bind, Bindings, Builder, Current, DEFAULT, Engine, Failure, Job, Level, OpError, OpId, Unbound,
};
use serde::{Deserialize, Serialize};

use crate::support::Name;

const TOKEN: &str = "s3cr3t-t0k3n";
const LATE: &str = "l4t3-t0k3n";

/// Tells what it should not, in each way that there is.
#[derive(Clone)]
struct Gossip(Secrets);

impl Bind for Gossip {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Gossip {
    const ID: OpId = OpId::new("gossip");
    const DOES: &'static str = "tell";
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Harmless
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        job.write(b"in pieces: s3cr3t");
        job.write(b"-t0k3n; in base64: czNjcjN0LXQwazNu\n");
        job.say(format_args!("a line with {TOKEN} in it"));
        self.0.add(&Secret::new("late", LATE).unwrap()).unwrap();
        job.write(b"added late: l4t3-t0k3n\n");
        if key.0 == "value" {
            return Ok(Name(format!("<{TOKEN}>")));
        }
        // The last lines of the output are the reason, and the last bytes that are kept of them begin within a secret.
        let script = format!(
            "printf '{TOKEN}'; printf '%0{}d' 0; echo; echo no {TOKEN} no {LATE} >&2; exit 1",
            Process::TAIL_BYTES_MAX - 40
        );
        let failed = Process::new("sh").arg("-c").arg(script).what("gossip").run(job).await;
        let error = OpError::from(failed.unwrap_err());
        assert!(!format!("{error:?}").contains("t0k3n"), "{error:?}");
        assert!(error.message().ends_with("no ************ no **********"), "{error}");
        Err(OpError::permanent(format!("{error}, which is {TOKEN}"))
            .with_hint(format!("not {LATE}"))
            .with_source(Told(TOKEN)))
    }
}

/// An underlying error, for our own log.
#[derive(Debug, thiserror::Error)]
#[error("told {0}")]
struct Told(&'static str);

/// All that is in a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(path).unwrap() });
    }
    all
}

async fn told(what: &'static str) -> (Vec<What>, String, Vec<u8>) {
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::open(state.path()).unwrap();
    let gossip = Gossip(engine.secrets().clone());
    let engine = engine.with_secret(&Secret::new("token", TOKEN).unwrap()).unwrap().with(gossip);
    let mut events = engine.events();
    let pipeline = move || -> Current<()> {
        build_with(&constant(()), DEFAULT, "gossip", move |_: &Gossip, ()| Name(what.to_owned())).ignore()
    };
    let engine = engine.start(pipeline).unwrap();
    let mut all = Vec::new();
    let job = loop {
        let what = events.recv().await.unwrap().what;
        all.push(what.clone());
        if let What::Job { job, phase: Phase::Succeeded { .. } | Phase::Failed { .. }, .. } = what {
            break job;
        }
    };
    let log = engine.store().log_path(&job);
    engine.stop().await;
    let mut seen = Vec::new();
    let mut reader = LogReader::of_finished(log, 0);
    while let Some(chunk) = reader.next().await.unwrap() {
        seen.extend(chunk);
    }
    (all, String::from_utf8(seen).unwrap(), all_bytes(state.path()))
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_log_a_failure_an_event_or_on_disk() {
    let (events, log, disk) = told("failure").await;
    let Some(What::Job { phase: Phase::Failed { failure, .. }, .. }) = events.last() else {
        panic!("{events:?}")
    };
    let Failure { message, hint, .. } = failure;
    assert!(message.starts_with("gossip failed (exit status: 1)"), "{message}");
    assert!(message.ends_with("no ************ no **********, which is ***"), "{message}");
    assert_eq!(hint.as_deref(), Some("not ***"));
    assert!(log.contains("in pieces: ************; in base64: ****************\n"), "{log}");
    assert!(log.contains("a line with *** in it\n"), "{log}");
    assert!(log.contains("added late: **********\n"), "{log}");
    assert!(log.contains("Failed (permanent): gossip failed"), "{log}");
    for told in [format!("{events:?}"), log, String::from_utf8_lossy(&disk).into_owned()] {
        assert!(!told.contains("t0k3n") && !told.contains("czNjcjN0LXQwazNu"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn or_in_an_event_that_tells_a_value() {
    let (events, _, _) = told("value").await;
    let Some(What::Job { phase: Phase::Succeeded { value }, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(*value, "<***>");
}

/// Says in its summary what is no part of its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chatty;

impl fmt::Display for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://ci:{TOKEN}@host/site")
    }
}

#[derive(Clone)]
struct Cloning;

impl Bind for Cloning {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Cloning {
    const ID: OpId = OpId::new("clone");
    const AUTO_CANCEL: bool = true;
    type Key = Chatty;
    type Value = ();

    fn level(&self, _: &Chatty) -> Level {
        Level::Dangerous
    }

    async fn build(&self, _: &Job, _: &Chatty) -> Result<(), OpError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_by_what_a_job_says_that_it_does() {
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::open(state.path()).unwrap().confirm(Some(Level::Harmless));
    let engine = engine.with_secret(&Secret::new("token", TOKEN).unwrap()).unwrap().with(Cloning);
    let mut events = engine.events();
    let pipeline = || build_with(&constant(()), DEFAULT, "clone", |_: &Cloning, ()| Chatty).ignore();
    let engine = engine.start(pipeline).unwrap();
    let mut ended = async |wanted: fn(&Phase) -> bool| {
        loop {
            if let What::Job { job, phase, .. } = events.recv().await.unwrap().what
                && wanted(&phase)
            {
                break job;
            }
        }
    };
    let job = ended(|phase| matches!(phase, Phase::WaitingForConfirmation)).await;
    let waits = engine.under_way(job.clone()).await.unwrap();
    assert_eq!(waits.job.summary, "https://ci:***@host/site");
    assert_eq!(waits.job.would, "make https://ci:***@host/site");
    engine.approve(job, "ada").await.unwrap();
    ended(|phase| matches!(phase, Phase::Succeeded { .. })).await;
    let told = engine.jobs(10).await;
    assert_eq!(told[0].summary, "https://ci:***@host/site");
    engine.stop().await;
    assert!(!String::from_utf8_lossy(&all_bytes(state.path())).contains(TOKEN), "it is on disk");
}

#[tokio::test]
async fn a_log_keeps_its_length_and_a_line_of_ours_cuts_no_secret_open() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::default();
    secrets.add(&Secret::new("token", TOKEN).unwrap()).unwrap();
    let log = Log::masked(folder.path().join("log"), secrets);
    log.write(b"prompt: s3");
    assert_eq!(std::fs::read(log.path()).unwrap(), b"prompt: ", "the rest may be the beginning of a secret");
    log.write(b"cr3t");
    log.line("ours");
    log.write(b"-t0k3n and s3cr3t-t0k3n\nthe end: s3cr3t-t0");
    log.finish();
    let seen = std::fs::read_to_string(log.path()).unwrap();
    let (before, after) = seen.split_once("20").unwrap();
    assert_eq!(before, "prompt: ******\n");
    let (_, after) = after.split_once("UTC  ").unwrap();
    assert_eq!(after, "ours\n****** and ************\nthe end: *********");
}
