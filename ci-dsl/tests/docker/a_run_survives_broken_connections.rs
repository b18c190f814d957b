//! Work goes on while the engine can't be reached for a moment; its log stays whole and its exit is the true one.

use ci_dsl::docker::client::{Docker, DockerHost};
use ci_dsl::docker::container::Containers;
use ci_dsl::docker::run::run;

use crate::support::{Relay, TestContainers, TestJob, base, sh};

#[tokio::test]
async fn a_run_survives_broken_connections() {
    const LINES: usize = 200;
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let through = Docker::new("relayed", DockerHost::Unix(socket.clone()));
    let containers = Containers::new(through, &executor.owner).unwrap();
    let script = format!(
        "i=0; while [ $i -lt {LINES} ]; do echo line $i; busybox sleep 0.03; i=$((i+1)); done; exit 4"
    );

    let mut relay = Relay::new(&socket);
    let breaking = async {
        for cut in [20, 21, 60, 120] {
            relay.until(job.log_holds(&format!("line {cut}\n"))).await;
        }
        relay.until(std::future::pending()).await;
    };
    let work = sh(&base, &script);
    let error = tokio::select! {
        biased; // The relay listens before anybody calls.
        () = breaking => unreachable!("it passes on for ever in the end"),
        ended = run(&containers, &job.job, &work) => ended.expect_err("exit code 4"),
    };
    assert!(error.message().starts_with("docker run: exit code 4\n"), "{error}");
    let expected: String = (0..LINES).map(|n| format!("line {n}\n")).collect();
    assert_eq!(job.log(), expected);
    assert_eq!(executor.left(), [""; 0]);
}
