//! An engine that goes down under a job's container takes it down, which says nothing about the work: it is the machinery's
//! failure, its log so far is kept, and the next attempt is run by the engine that came back.

use ci_core::executor::Executor as _;
use ci_dsl::docker::client::{Docker, DockerHost};
use ci_dsl::docker::container::Containers;
use ci_dsl::docker::image::{Image, inspect};
use ci_dsl::docker::run::{resume, run};
use testbed::{Engine, EngineOptions, base_image};

use crate::support::{TestJob, work};

/// An engine with an image, and a job's containers on it.
async fn bench() -> (Engine, Image, Containers) {
    let engine = Engine::start(EngineOptions::default());
    base_image(&engine, "base");
    let docker = Docker::new("own", DockerHost::Unix(engine.socket()));
    let image = inspect(&docker, &"base".parse().unwrap()).await.unwrap().unwrap();
    (engine, image, Containers::new(docker, "test-own").unwrap())
}

const LONG: &str = "echo begun; exec sleep 600";

async fn run_until(end: fn(&mut Engine)) {
    let (mut engine, image, containers) = bench().await;
    let job = TestJob::new();
    let (executor, its, long) = (containers.clone(), job.job.clone(), work(&image.id, LONG));
    let running = tokio::spawn(async move { run(&executor, &its, &long).await });
    job.log_holds("begun\n").await;
    tokio::task::block_in_place(|| {
        end(&mut engine);
        engine.restart();
    });
    let error = running.await.unwrap().expect_err("its engine was away");
    assert!(error.kind().is_retried(), "{:?}: {error}", error.kind());
    assert_eq!(job.log(), "begun\n");

    let next = TestJob::new();
    run(&containers, &next.job, &work(&image.id, "echo again")).await.unwrap();
    assert_eq!(next.log(), "again\n");
}

/// As when the whole machine goes down.
async fn nobody_sees(end: fn(&mut Engine)) {
    let (mut engine, image, containers) = bench().await;
    let job = TestJob::new();
    containers.submit(job.job.id(), &work(&image.id, LONG)).await.unwrap();
    tokio::task::block_in_place(|| {
        end(&mut engine);
        engine.restart();
    });
    assert_eq!(resume(&containers, &job.reborn().job, None).await.unwrap(), None, "it is to run again");
    assert_eq!(engine.docker(["ps", "-aq"]), "");
    run(&containers, &job.reborn().job, &work(&image.id, "echo again")).await.unwrap();
    assert_eq!(job.log(), "again\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_power_cut() {
    run_until(Engine::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_it_was_stopped_in_order() {
    run_until(Engine::stop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_where_nobody_saw_the_power_cut() {
    nobody_sees(Engine::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_where_nobody_saw_it_stopped_in_order() {
    nobody_sees(Engine::stop).await;
}
