//! Work has no privileges and no network, and what goes beyond its memory, processes, time or a file's size is ended and
//! told so.

use std::process::Command;
use std::time::Duration;

use ci_core::executor::{Cause, Executor as _, Limits};
use ci_core::{FailureKind, OpError};
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::run::run;
use serde_json::Value as Json;

use crate::support::{
    BASE, Base, Tagged, TestContainers, TestJob, base, context, eventually, lines, runs_somewhere, sh,
    stream, unique,
};

/// The kernel kills, and tells the engine in an event of its own: one that comes too late leaves only the signal to be told.
fn assert_is_of_memory(error: &OpError, mib: u64) {
    let first = error.message().lines().next().unwrap();
    let known = format!("docker run: killed: out of memory (limit {mib} MiB)");
    assert!(first == known || first == "docker run: exit code 137 (signal 9)", "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("memory")), "{error:?}");
}

#[tokio::test]
async fn too_much_memory_is_told_with_the_limit() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let mut work = sh(&base, "a=x; while true; do a=$a$a; done");
    work.limits.memory_bytes = 32 << 20;
    let error = run(&executor.containers, &job.job, &work).await.expect_err("it needs more");
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_is_of_memory(&error, 32);
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
async fn a_fork_bomb_is_held_by_its_processes_and_ends_with_the_work() {
    let (base, executor, job, marker) = (base().await, TestContainers::new(), TestJob::new(), unique());
    let mut work = sh(&base, &format!("b() {{ b | b & }}; b; busybox sleep 1; echo {marker} is still here"));
    work.limits.pids = 40;
    // Whether the shell that threw it can fork once more itself is a matter of luck.
    let _ended = run(&executor.containers, &job.job, &work).await;
    let log = job.log();
    assert!(log.contains("can't fork"), "{log}");
    eventually("its processes are gone", || !runs_somewhere(&marker)).await;
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn shared_memory_is_bounded_and_files_in_it_are_memory() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let fill = sh(&base, "busybox dd if=/dev/zero of=/dev/shm/x bs=1M count=100; busybox du -m /dev/shm/x");
    run(&executor.containers, &job.job, &fill).await.unwrap();
    let log = job.log();
    assert!(log.contains("No space left on device") && log.contains("64\t/dev/shm/x"), "{log}");

    let mut work =
        sh(&base, "cd /dev/shm; i=0; while [ $i -lt 100000 ]; do : >$i; i=$((i+1)); done; echo all made");
    work.limits.memory_bytes = 24 << 20;
    let error = run(&executor.containers, &TestJob::new().job, &work).await.expect_err("they need more");
    assert_is_of_memory(&error, 24);
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn a_file_that_gets_too_large_ends_the_work_and_is_told_with_the_limit() {
    let (base, executor) = (base().await, TestContainers::new());
    let mut work = sh(
        &base,
        "busybox head -c 3000000 /dev/zero >/grows; exec busybox head -c 2000000 /dev/zero >>/grows",
    );
    work.limits.file_bytes = 4 << 20;
    let error = run(&executor.containers, &TestJob::new().job, &work).await.expect_err("it is too large");
    assert_eq!(error.kind(), FailureKind::Permanent);
    let first = error.message().lines().next();
    assert_eq!(first, Some("docker run: killed: a file got too large (limit 4 MiB)"), "{error}");
    assert!(error.hint().is_some());
    work.limits.file_bytes = 5_000_000;
    run(&executor.containers, &TestJob::new().job, &work).await.unwrap();
    assert_eq!(executor.left(), [""; 0]);
}

/// The limits of the control group that the work is in, of either version.
const CGROUP: &str = "cd /sys/fs/cgroup; busybox cat memory/memory.limit_in_bytes pids/pids.max 2>/dev/null || busybox cat memory.max pids.max";

#[tokio::test]
async fn the_kernel_has_the_limits() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let mut work = sh(
        &base,
        &format!(
            "{CGROUP}; ulimit -f; ulimit -c; busybox df -k /dev/shm | busybox tail -n 1 | busybox awk '{{print $2}}'"
        ),
    );
    work.limits = Limits { memory_bytes: 100 << 20, pids: 77, file_bytes: 1 << 20, ..work.limits };
    run(&executor.containers, &job.job, &work).await.unwrap();
    // `ulimit -f` counts blocks of 512 bytes.
    let expected =
        [(100 << 20).to_string(), "77".to_owned(), "2048".to_owned(), "0".to_owned(), "65536".to_owned()];
    assert_eq!(job.log().lines().collect::<Vec<_>>(), expected);
}

/// Each line is what it tried and what came of it.
const TRIES: &str = "\
    try() { \"$@\" >/dev/null 2>&1 && echo \"$* works\" || echo \"$* fails\"; }; \
    busybox id -u; \
    try busybox mount -t tmpfs none /mnt; \
    try busybox mknod /disk b 8 0; \
    try busybox chown 1:1 /bin/busybox; \
    try busybox hostname other; \
    try busybox chroot / /bin/busybox true; \
    try busybox kill -0 1; \
    try busybox sh -c 'echo 1 >/proc/sys/kernel/panic'; \
    try busybox sh -c 'echo b >/proc/sysrq-trigger'; \
    try busybox dd if=/proc/kcore of=/dev/null bs=1 count=1; \
    try busybox ls /var/run/docker.sock; \
    try busybox ls /run/docker.sock";

#[tokio::test]
async fn an_image_of_root_has_no_more_than_any_other() {
    let (executor, job, tag) = (TestContainers::new(), TestJob::new(), Tagged::new());
    let dockerfile = format!(
        "{BASE}RUN busybox mkdir -p /mnt /etc && echo root:x:0:0::/:/bin/sh >/etc/passwd && echo {}\nUSER root\n",
        tag.0
    );
    let options = BuildOptions::new(tag.0.clone());
    let context = stream(context(&dockerfile));
    let image =
        build(&Docker::local(), &TestJob::new().job, &options, None, context, &Confided::default()).await;
    let base = Base { image: image.unwrap(), tag };
    run(&executor.containers, &job.job, &sh(&base, TRIES)).await.unwrap();
    let log = job.log();
    let mut lines = log.lines();
    assert_eq!(lines.next(), Some("0"), "it is root");
    let works: Vec<_> = lines.clone().filter(|line| line.ends_with(" works")).collect();
    // Its own process 1, which is its own.
    assert_eq!(works, ["busybox kill -0 1 works"], "{log}");
    assert_eq!(lines.count(), 11, "{log}");
}

#[tokio::test]
async fn nobody_can_be_reached_neither_host_nor_metadata_nor_neighbour() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    // Listens wherever this machine has an address.
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bridge = lines(Command::new("docker").args([
        "network",
        "inspect",
        "bridge",
        "-f",
        "{{(index .IPAM.Config 0).Gateway}}",
    ]));
    let mut script = String::new();
    for address in [bridge.concat().as_str(), "127.0.0.1", "169.254.169.254", "192.0.2.1"] {
        let port = if address == "169.254.169.254" { 80 } else { port };
        script += &format!("busybox nc -w 3 {address} {port} </dev/null 2>&1 && echo reached {address}; ");
    }
    run(&executor.containers, &job.job, &sh(&base, &format!("{script} true"))).await.unwrap();
    let log = job.log();
    assert_eq!(log.matches("Network is unreachable").count(), 3, "{log}");
    assert_eq!(log.matches("Connection refused").count(), 1, "its own loopback, where nobody is: {log}");
    assert!(!log.contains("reached"), "{log}");
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
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(
        (&host["IpcMode"], &host["PidMode"], &host["UTSMode"]),
        (&"private".into(), &"".into(), &"".into())
    );
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
    assert!(host["CapAdd"].is_null() && host["Devices"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
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
