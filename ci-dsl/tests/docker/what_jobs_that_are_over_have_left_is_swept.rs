//! A container whose job is over, or was never there, is removed, also when the engine was away at that time. What belongs to
//! an unfinished job, or to others, is not touched.

use std::process::Command;
use std::time::Duration;

use ci_core::executor::Executor as _;
use ci_core::{Current, Engine, current};
use ci_dsl::docker::client::{Docker, DockerHost};
use ci_dsl::docker::run::resume;
use ci_dsl::docker::{self, Built, Containers, Sweeper};
use serde_json::json;

use crate::support::{Base, Relay, TestContainers, TestJob, base, eventually, lines, sh};

const LONG: &str = "exec busybox sleep 600";
const SOON: Duration = Duration::from_millis(100);

fn built(base: &Base) -> Current<Built> {
    current::constant(Built {
        id: base.image.id.clone(),
        architecture: base.image.architecture.clone(),
        tag: base.tag.0.clone(),
        revision: "none".to_owned(),
    })
}

/// What an engine's jobs have on the machine's Docker engine.
fn containers_of(engine: &ci_core::engine::Handle) -> TestContainers {
    let owner = engine.owner().as_str().to_owned();
    TestContainers { containers: Containers::new(Docker::local(), &owner).unwrap(), owner }
}

#[tokio::test]
async fn an_engine_keeps_what_it_runs_and_loses_what_is_over() {
    let (base, state, neighbour) = (base().await, tempfile::tempdir().unwrap(), TestContainers::new());
    let foreign = neighbour.containers.submit(TestJob::new().job.id(), &sh(&base, LONG)).await.unwrap();
    let engine = Engine::open(state.path()).unwrap().with(Docker::local());
    let engine = engine.start(|| docker::run(&built(&base), ["sh", "-c", LONG])).unwrap();
    let own = containers_of(&engine);
    eventually("its job runs", || own.left().len() == 1).await;
    let running = own.left();
    let _sweeper = Sweeper::each(SOON, &engine, Docker::local());
    // When the second is gone, a whole look is over since the first.
    for _ in 0..2 {
        let orphan = TestJob::new();
        let orphan = own.containers.submit(orphan.job.id(), &sh(&base, LONG)).await.unwrap();
        eventually("what is nobody's is gone", || !own.left().contains(&orphan.to_string())).await;
    }
    assert_eq!(own.left(), running);
    assert_eq!(neighbour.left(), [foreign.as_str()]);

    engine.stop().await;
    assert_eq!(engine.unfinished().await, None, "what has stopped can't say what is over");
    assert_eq!(own.left(), running, "the next start finds it again");
}

#[tokio::test]
async fn an_engine_that_came_back_is_looked_at() {
    let (base, state) = (base().await, tempfile::tempdir().unwrap());
    let engine = Engine::open(state.path()).unwrap().start(|| current::constant(())).unwrap();
    let own = containers_of(&engine);
    own.containers.submit(TestJob::new().job.id(), &sh(&base, LONG)).await.unwrap();
    let socket = state.path().join("docker.sock");
    let _sweeper = Sweeper::each(SOON, &engine, Docker::new("relayed", DockerHost::Unix(socket.clone())));
    Docker::new("relayed", DockerHost::Unix(socket.clone())).ping().await.expect_err("nobody listens yet");
    Relay::new(&socket).until(eventually("what is nobody's is gone", || own.left().is_empty())).await;
    engine.stop().await;
}

#[tokio::test]
async fn what_is_submitted_meanwhile_stays_and_in_doubt_everything() {
    let (base, executor) = (base().await, TestContainers::new());
    let (orphan, fresh, work) = (TestJob::new(), TestJob::new(), sh(&base, LONG));
    executor.containers.submit(orphan.job.id(), &work).await.unwrap();
    assert_eq!(executor.containers.sweep(async { None }).await.unwrap(), [""; 0]);
    assert_eq!(executor.left().len(), 1);
    let unfinished = async {
        executor.containers.submit(fresh.job.id(), &work).await.unwrap();
        Some(Vec::new())
    };
    assert_eq!(executor.containers.sweep(unfinished).await.unwrap(), [orphan.job.id().as_str()]);
    assert!(executor.containers.adopt(fresh.job.id()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_whose_end_is_known_leaves_nothing() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    executor.containers.submit(job.job.id(), &sh(&base, LONG)).await.unwrap();
    let ended = json!({"ended": {"Ok": ""}});
    assert_eq!(resume(&executor.containers, &job.job, Some(&ended)).await.unwrap(), Some(()));
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn what_was_never_started_is_removed_as_it_is() {
    let (base, executor) = (base().await, TestContainers::new());
    let made = |job: &TestJob, command: &str| {
        let labels = [format!("ci.job={}", job.job.id()), format!("ci.owner={}", executor.owner)];
        let [of, owner] = &labels;
        let image = base.image.id.to_string();
        let create = ["create", "--network", "none", "--label", of, "--label", owner, &image, command];
        lines(Command::new("docker").args(create)).concat()
    };
    // One that can't be started: whoever finds it again says so, and leaves nothing.
    let job = TestJob::new();
    made(&job, "/no/such/program");
    resume(&executor.containers, &job.job, None).await.expect_err("there is no such program");
    assert_eq!(executor.left(), [""; 0]);
    made(&job, "/no/such/program");
    executor.containers.discard(job.job.id()).await.unwrap();
    assert_eq!(executor.left(), [""; 0]);

    // One that could be: nobody wants it.
    let job = TestJob::new();
    let id = made(&job, "/bin/busybox");
    let (from, until) =
        (ci_core::clock::now_ms() / 1000, || (ci_core::clock::now_ms() / 1000 + 1).to_string());
    executor.containers.discard(job.job.id()).await.unwrap();
    let of_it = format!("container={id}");
    let (from, until) = (from.to_string(), until());
    let events =
        ["events", "--since", &from, "--until", &until, "--filter", &of_it, "--format", "{{.Action}}"];
    let events = lines(Command::new("docker").args(events));
    assert!(events.contains(&"destroy".to_owned()) && !events.contains(&"start".to_owned()), "{events:?}");
    executor.containers.discard(job.job.id()).await.unwrap();
}
