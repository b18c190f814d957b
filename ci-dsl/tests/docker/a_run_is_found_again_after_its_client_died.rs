//! Work outlives the process that submitted it: the next one follows its log without gap or repeat, and learns its
//! true exit, wherever the first one died.

use std::process::Command;

use ci_core::executor::Executor as _;
use ci_core::secret::{Secret, Secrets};
use ci_core::{Failure, FailureKind};
use ci_dsl::docker::run::{resume, run};
use futures::StreamExt as _;
use serde_json::json;

use crate::support::{TestContainers, TestJob, base, lines, sh};

#[tokio::test]
async fn a_log_read_by_many_clients_one_after_the_other_is_whole() {
    const LINES: usize = 30_000;
    let (base, executor, mut job) = (base().await, TestContainers::new(), TestJob::new());
    let script = format!(
        "i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); done; printf 'no line feed'; exit 5"
    );
    let work = sh(&base, &script);
    job.job.say("what was said before stays");
    let before = job.log();

    let mut clients = 1;
    let mut first = true;
    let error = loop {
        // Each client dies when it has added a few bytes, in the middle of a line most of the time.
        let mut log = job.job.log().follow(std::fs::metadata(job.job.log().path()).unwrap().len());
        let dies = async {
            for _ in 0..clients % 4 {
                log.next().await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let lives = async {
            if std::mem::take(&mut first) {
                return run(&executor.containers, &job.job, &work).await.map(Some);
            }
            resume(&executor.containers, &job.job, job.note().as_ref()).await
        };
        let added = async {
            let mut seen = job.job.log().follow(std::fs::metadata(job.job.log().path()).unwrap().len());
            for _ in 0..=clients % 4 {
                seen.next().await.unwrap();
            }
        };
        let ended = tokio::select! {
            ended = lives => Some(ended),
            () = added, if clients < 40 => None,
            () = dies => None,
        };
        match ended {
            Some(ended) => break ended.expect_err("exit code 5"),
            None => clients += 1,
        }
        job = job.reborn();
    };
    assert!(clients > 2, "the clients died: {clients}");
    let expected: String =
        (0..LINES).map(|n| format!("line {n}\n")).chain(["no line feed".to_owned()]).collect();
    let log = job.log();
    let output = log.strip_prefix(&before).expect("what was there before stays");
    assert_eq!(output.len(), expected.len(), "after {clients} clients");
    assert!(output == expected, "after {clients} clients");
    let told: Vec<&str> = error.message().lines().collect();
    assert_eq!(told[0], "docker run: exit code 5");
    assert_eq!(told[told.len() - 2..], [&format!("line {}", LINES - 1), "no line feed"]);
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn work_that_ended_while_nobody_watched_is_told_as_it_was() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(&base, "echo first; until [ -e /go ]; do busybox sleep 0.1; done; echo second; exit 3");
    tokio::select! {
        _ = run(&executor.containers, &job.job, &work) => panic!("it waits for a file"),
        () = job.log_holds("first\n") => {}
    }
    let id = executor.left().remove(0);
    lines(Command::new("docker").args(["exec", &id, "/bin/busybox", "touch", "/go"]));
    assert_eq!(lines(Command::new("docker").args(["wait", &id])), ["3"]);

    let next = job.reborn();
    let error = resume(&executor.containers, &next.job, next.note().as_ref()).await.expect_err("exit code 3");
    assert_eq!(error.message(), "docker run: exit code 3\nfirst\nsecond");
    assert_eq!(next.log(), "first\nsecond\n");
    assert_eq!(executor.left(), [""; 0]);

    // It died after noting the end: the end is told again, though the container is gone.
    let last = next.reborn();
    let again = resume(&executor.containers, &last.job, last.note().as_ref()).await.expect_err("exit code 3");
    assert_eq!(Failure::from(&again), Failure::from(&error));
    assert_eq!(last.log(), "first\nsecond\n");
}

#[tokio::test]
async fn masked_output_goes_on_without_gap_or_repeat_too() {
    let secrets = Secrets::default();
    secrets.add(&Secret::new("token", "hunter2").unwrap()).unwrap();
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::masking(secrets));
    let script =
        "echo first hunter2; until [ -e /go ]; do busybox sleep 0.1; done; echo second hunter2; exit 3";
    let work = sh(&base, script);
    tokio::select! {
        _ = run(&executor.containers, &job.job, &work) => panic!("it waits for a file"),
        () = job.log_holds("first *******\n") => {}
    }
    let id = executor.left().remove(0);
    lines(Command::new("docker").args(["exec", &id, "/bin/busybox", "touch", "/go"]));
    let next = job.reborn();
    let error = resume(&executor.containers, &next.job, next.note().as_ref()).await.expect_err("exit code 3");
    assert_eq!(next.log(), "first *******\nsecond *******\n");
    assert_eq!(error.message(), "docker run: exit code 3\nfirst *******\nsecond *******");
    assert!(!next.note().unwrap().to_string().contains("hunter2"), "{:?}", next.note());
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn work_submitted_by_a_client_that_died_before_its_note_is_adopted() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    job.job.say("starting");
    assert_eq!(resume(&executor.containers, &job.job, None).await.unwrap(), None, "nothing was submitted");
    let id = executor.containers.submit(job.job.id(), &sh(&base, "echo out")).await.unwrap();
    let before = job.log();
    assert_eq!(resume(&executor.containers, &job.job, None).await.unwrap(), Some(()));
    assert_eq!(job.log(), format!("{before}out\n"));
    assert_eq!(executor.left(), [""; 0]);

    // A note about a container that somebody removed: nothing is left to go on with.
    let note = json!({"running": {"work": id, "log_at": before.len()}});
    assert_eq!(resume(&executor.containers, &job.job, Some(&note)).await.unwrap(), None);
    // A note that is no note.
    let error = resume(&executor.containers, &job.job, Some(&json!({"x": 1}))).await.expect_err("unread");
    assert_eq!(error.kind(), FailureKind::Infrastructure);
}

#[tokio::test]
async fn a_container_that_was_made_but_not_started_is_started_by_adopting_it() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    // As the executor would have left it, dying between its two calls.
    let labels = [format!("ci.job={}", job.job.id()), format!("ci.owner={}", executor.owner)];
    let image = base.image.id.to_string();
    let made = [
        "create",
        "--network",
        "none",
        "--label",
        &labels[0],
        "--label",
        &labels[1],
        &image,
        "sh",
        "-c",
        "echo out",
    ];
    lines(Command::new("docker").args(made));
    assert_eq!(resume(&executor.containers, &job.job, None).await.unwrap(), Some(()));
    assert_eq!(job.log(), "out\n");
}

#[tokio::test]
async fn output_is_the_same_bytes_at_the_same_offsets() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(&base, "i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done");
    let id = executor.containers.submit(job.job.id(), &work).await.unwrap();
    let read = async |from| {
        let mut logs = executor.containers.logs(&id, from);
        let mut bytes = Vec::new();
        while let Some(output) = logs.next().await {
            bytes.extend(output.unwrap().bytes);
        }
        bytes
    };
    let whole = read(0).await;
    assert_eq!(whole.len(), 2 * (10 * 6 + 90 * 7 + 100 * 8));
    for from in [0, 1, 5, 6, 7, 1000, whole.len() - 1, whole.len(), whole.len() + 10] {
        assert!(read(from as u64).await == whole[from.min(whole.len())..], "from {from}");
    }
    executor.containers.release(&id).await.unwrap();
}
