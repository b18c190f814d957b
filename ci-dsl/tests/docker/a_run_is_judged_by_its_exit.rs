//! Exit code 0 is success; anything else is told with its code and the last lines. Nothing of the container is left.

use std::process::Command;

use ci_core::FailureKind;
use ci_core::executor::Executor as _;
use ci_dsl::docker::run::run;

use crate::support::{TestContainers, TestJob, base, eventually, lines, runs_somewhere, sh, unique};

#[tokio::test]
async fn exit_code_zero_is_success_and_its_output_is_in_the_log() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let mut work = sh(&base, "echo out; echo $WHO >&2; printf end");
    work.env.insert("WHO".to_owned(), "a=b c".to_owned());
    run(&executor.containers, &job.job, &work).await.unwrap();
    let log = job.log();
    for line in ["out\n", "a=b c\n", "end"] {
        assert!(log.contains(line), "{log}");
    }
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn another_exit_code_is_told_with_the_last_lines() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(&base, "for i in 1 2 3; do echo line $i; done; printf '\\033[31mred\\033[0m' >&2; exit 7");
    let error = run(&executor.containers, &job.job, &work).await.expect_err("it fails");
    assert_eq!(error.kind(), FailureKind::Permanent);
    let mut told: Vec<&str> = error.message().lines().collect();
    assert_eq!(told.remove(0), "docker run: exit code 7");
    told.sort_unstable();
    assert_eq!(told, ["line 1", "line 2", "line 3", "red"]);
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_start_says_why_and_leaves_nothing() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let mut no_command = sh(&base, "");
    no_command.command = vec!["/no/such/program".to_owned()];
    let mut no_image = sh(&base, "true");
    no_image.image = format!("sha256:{}", "0".repeat(64));
    for (work, says) in [(no_command, "/no/such/program"), (no_image, "No such image")] {
        let error = run(&executor.containers, &job.job, &work).await.expect_err("it can't start");
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains(says), "{error}");
        assert_eq!(executor.left(), [""; 0]);
    }
}

#[tokio::test]
async fn a_cancelled_run_is_stopped_its_output_kept_and_nothing_left() {
    let (base, executor, job, marker) = (base().await, TestContainers::new(), TestJob::new(), unique());
    // It hears the request to stop, and has a last word.
    let script = format!(
        "trap 'echo last word; exit 0' TERM; echo begun; while true; do busybox sleep 0.1; done; {marker}"
    );
    let work = sh(&base, &script);
    let cancelling = async {
        job.log_holds("begun\n").await;
        assert!(runs_somewhere(&marker));
        job.cancel.cancel("not wanted");
    };
    let (result, ()) = tokio::join!(run(&executor.containers, &job.job, &work), cancelling);
    let error = result.expect_err("it was cancelled");
    assert_eq!((error.kind(), error.message()), (FailureKind::Cancelled, "cancelled: not wanted"));
    assert!(job.log().ends_with("last word\n"), "{}", job.log());
    eventually("its processes are gone", || !runs_somewhere(&marker)).await;
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn submitting_twice_is_one_container_and_others_are_left_alone_by_a_sweep() {
    let (base, executor, job, other) = (base().await, TestContainers::new(), TestJob::new(), TestJob::new());
    let (work, neighbour) = (sh(&base, "busybox sleep 600"), TestContainers::new());
    let id = executor.containers.submit(job.job.id(), &work).await.unwrap();
    assert_eq!(executor.containers.submit(job.job.id(), &work).await.unwrap(), id);
    let kept = executor.containers.submit(other.job.id(), &work).await.unwrap();
    let foreign = neighbour.containers.submit(job.job.id(), &work).await.unwrap();
    assert_eq!(executor.left().len(), 2);
    assert_eq!(executor.containers.adopt(job.job.id()).await.unwrap().as_ref(), Some(&id));

    let swept = executor.containers.sweep(async { Some(vec![other.job.id().clone()]) }).await.unwrap();
    assert_eq!(swept, [job.job.id().as_str()]);
    assert_eq!(executor.left(), [kept.as_str()]);
    assert_eq!(neighbour.left(), [foreign.as_str()]);
    assert_eq!(executor.containers.adopt(job.job.id()).await.unwrap(), None);
    // Gone is gone: stopping and releasing it again is no error, waiting for it is.
    executor.containers.cancel(&id).await.unwrap();
    executor.containers.release(&id).await.unwrap();
    let gone = executor.containers.watch(&id).await.expect_err("nobody knows how it ended");
    assert_eq!(gone.kind(), FailureKind::Infrastructure);
}

#[tokio::test]
async fn a_container_killed_by_somebody_else_is_told_with_the_signal() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(&base, "echo begun; busybox sleep 600");
    let killing = async {
        job.log_holds("begun\n").await;
        lines(Command::new("docker").arg("kill").args(executor.left()));
    };
    let (result, ()) = tokio::join!(run(&executor.containers, &job.job, &work), killing);
    let error = result.expect_err("it was killed");
    assert!(error.message().starts_with("docker run: exit code 137 (signal 9)"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("if that was for memory")), "{error:?}");
}

/// The engine's own `logs --follow` loses them in one of ten runs as short as these.
#[tokio::test]
async fn the_last_words_of_a_short_run_are_never_lost() {
    let (base, executor) = (base().await, TestContainers::new());
    let work = sh(&base, "for i in 1 2 3; do echo line $i; done; printf 'last words' >&2");
    for _ in 0..8 {
        let four = [(); 4].map(|()| async {
            let job = TestJob::new();
            run(&executor.containers, &job.job, &work).await.unwrap();
            job.log()
        });
        for log in futures::future::join_all(four).await {
            assert_eq!(log.len(), "line 1\nline 2\nline 3\nlast words".len(), "{log:?}");
        }
    }
}
