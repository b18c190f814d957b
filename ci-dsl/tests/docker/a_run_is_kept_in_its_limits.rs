//! Work has no privileges and no network, and what goes beyond its memory, processes or time is ended and told so.

use std::process::Command;
use std::time::Duration;

use ci_core::FailureKind;
use ci_core::executor::{Cause, Executor as _};
use ci_dsl::docker::run::run;
use serde_json::Value as Json;

use crate::support::{TestContainers, TestJob, base, eventually, lines, runs_somewhere, sh, unique};

#[tokio::test]
async fn too_much_memory_is_told_with_the_limit() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let mut work = sh(&base, "a=x; while true; do a=$a$a; done");
    work.limits.memory_bytes = 32 << 20;
    let error = run(&executor.containers, &job.job, &work).await.expect_err("it needs more");
    assert_eq!(error.kind(), FailureKind::Permanent);
    let first = error.message().lines().next();
    assert_eq!(first, Some("docker run: killed: out of memory (limit 32 MiB)"), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn too_many_processes_are_not_started() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let mut work = sh(&base, "for i in 1 2 3 4 5 6 7 8 9; do busybox sleep 600 & done; echo all started");
    work.limits.pids = 6;
    run(&executor.containers, &job.job, &work).await.expect_err("the shell can't fork");
    let log = job.log();
    assert!(log.contains("can't fork") && !log.contains("all started"), "{log}");
}

#[tokio::test]
async fn too_long_is_stopped_and_told_and_known_later() {
    let (base, executor, job, marker) = (base().await, TestContainers::new(), TestJob::new(), unique());
    // Deaf to the request to stop: it is killed.
    let mut work = sh(&base, &format!("trap '' TERM; echo begun; busybox sleep 600; {marker}"));
    work.limits.timeout = Duration::from_secs(2);
    let id = executor.containers.submit(job.job.id(), &work).await.unwrap();
    let exit = executor.containers.watch(&id).await.unwrap();
    assert_eq!(exit.cause, Cause::TimedOut(Duration::from_secs(2)));
    assert_eq!(executor.containers.watch(&id).await.unwrap(), exit, "whoever asks later hears the same");
    eventually("its processes are gone", || !runs_somewhere(&marker)).await;
    executor.containers.release(&id).await.unwrap();

    let next = TestJob::new();
    work.command[2] = "echo begun; busybox sleep 600".to_owned();
    let error = run(&executor.containers, &next.job, &work).await.expect_err("too long again");
    assert_eq!(error.message(), "docker run: stopped: timed out after 2 s\nbegun");
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn there_is_no_privilege_no_network_and_no_docker_socket() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(
        &base,
        "busybox grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; busybox ls /sys/class/net; busybox sleep 600",
    );
    let id = executor.containers.submit(job.job.id(), &work).await.unwrap();
    let raw = lines(Command::new("docker").args(["inspect", id.as_str()])).concat();
    let found: Json = serde_json::from_str(&raw).unwrap();
    let host = &found[0]["HostConfig"];
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["Init"], true);
    assert_eq!(host["PidsLimit"], work.limits.pids);
    assert_eq!(host["Memory"], work.limits.memory_bytes);
    assert_eq!(host["MemorySwap"], work.limits.memory_bytes);
    assert!(found[0]["Mounts"].as_array().unwrap().is_empty() && host["Binds"].is_null());
    let labels = &found[0]["Config"]["Labels"];
    assert_eq!(labels["ci.job"], job.job.id().as_str());
    assert_eq!((&labels["ci.attempt"], &labels["ci.epoch"]), (&"1".into(), &"1".into()));
    assert_eq!(labels["ci.owner"], *executor.owner);
    executor.containers.cancel(&id).await.unwrap();
    executor.containers.release(&id).await.unwrap();

    // As the work itself sees it.
    let mut work = work;
    work.command[2] = work.command[2].replace("; busybox sleep 600", "");
    let seen = TestJob::new();
    run(&executor.containers, &seen.job, &work).await.unwrap();
    let seen: Vec<String> = seen.log().lines().map(|line| line.replace('\t', " ")).collect();
    assert_eq!(seen, ["CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "lo"]);
}
