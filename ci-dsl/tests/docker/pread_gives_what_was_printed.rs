//! The standard output of work is a value, of a bounded size; the log has both outputs.

use std::process::Command;

use ci_core::FailureKind;
use ci_dsl::docker::pread::{OUTPUT_BYTES_MAX, pread, resume};

use crate::support::{TestContainers, TestJob, base, lines, sh};

#[tokio::test]
async fn standard_output_is_the_value_and_both_are_logged() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(&base, "echo one; echo aside >&2; printf 'zwei ü'");
    assert_eq!(pread(&executor.containers, &job.job, &work).await.unwrap(), "one\nzwei ü");
    let log = job.log();
    assert!(["one\n", "aside\n", "zwei ü"].iter().all(|line| log.contains(line)), "{log}");

    let failing = sh(&base, "echo half; exit 1");
    let error = pread(&executor.containers, &TestJob::new().job, &failing).await.expect_err("no value");
    assert_eq!(error.message(), "docker run: exit code 1\nhalf");
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn more_than_fits_is_an_error_and_stops_the_work() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let fits = sh(&base, &format!("busybox head -c {OUTPUT_BYTES_MAX} /dev/zero | busybox tr '\\0' x"));
    let value = pread(&executor.containers, &TestJob::new().job, &fits).await.unwrap();
    assert_eq!(value.len(), OUTPUT_BYTES_MAX);

    let endless = sh(&base, "busybox yes");
    let error = pread(&executor.containers, &job.job, &endless).await.expect_err("too much");
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.message().contains("longer than 256 KiB") && error.hint().is_some(), "{error}");
    assert_eq!(executor.left(), [""; 0]);
}

#[tokio::test]
async fn a_value_is_whole_though_two_clients_read_it() {
    let (base, executor, job) = (base().await, TestContainers::new(), TestJob::new());
    let work = sh(&base, "echo first; until [ -e /go ]; do busybox sleep 0.1; done; echo second");
    tokio::select! {
        _ = pread(&executor.containers, &job.job, &work) => panic!("it waits for a file"),
        () = job.log_holds("first\n") => {}
    }
    lines(Command::new("docker").args(["exec", &executor.left()[0], "/bin/busybox", "touch", "/go"]));
    let next = job.reborn();
    let value = resume(&executor.containers, &next.job, next.note().as_ref()).await.unwrap();
    assert_eq!(value.as_deref(), Some("first\nsecond\n"));
    assert_eq!(next.log(), "first\nsecond\n");
    // After the end was noted, too.
    let last = next.reborn();
    let value = resume(&executor.containers, &last.job, last.note().as_ref()).await.unwrap();
    assert_eq!(value.as_deref(), Some("first\nsecond\n"));
    assert_eq!(executor.left(), [""; 0]);
}
