//! Cancelling a build, or its time running out, ends the processes of its running step; the log so far is kept.

use std::time::Duration;

use ci_core::FailureKind;
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::image::inspect;

use crate::support::{BASE, Tagged, TestJob, context, eventually, runs_somewhere, stream, unique};

#[tokio::test]
async fn a_cancelled_build_leaves_no_process() {
    let (docker, job, tag, marker) = (Docker::local(), TestJob::new(), Tagged::new(), unique());
    let dockerfile = format!("{BASE}RUN echo begun; busybox sleep 600; echo {marker}\n");
    let options = BuildOptions::new(tag.0.clone());
    let building = async {
        let context = stream(context(&dockerfile));
        build(&docker, &job.job, &options, None, context, &Confided::default()).await
    };
    let cancelling = async {
        job.log_holds("begun\n").await;
        assert!(runs_somewhere(&marker), "the step runs");
        job.cancel.cancel("the test says so");
    };
    let (result, ()) = tokio::join!(building, cancelling);

    let error = result.expect_err("it was cancelled");
    assert_eq!((error.kind(), error.message()), (FailureKind::Cancelled, "cancelled: the test says so"));
    eventually("the step's processes are gone", || !runs_somewhere(&marker)).await;
    assert!(job.log().ends_with("begun\n"), "{}", job.log());
    assert_eq!(inspect(&docker, &tag.0).await.unwrap(), None);
}

#[tokio::test]
async fn a_build_that_takes_too_long_is_stopped_and_names_its_step() {
    let (docker, job, tag, marker) = (Docker::local(), TestJob::new(), Tagged::new(), unique());
    let dockerfile = format!("{BASE}RUN busybox sleep 600; echo {marker}\n");
    // Enough for the step to begin on a machine that does much else.
    let options = BuildOptions { timeout: Duration::from_secs(30), ..BuildOptions::new(tag.0.clone()) };
    let context = stream(context(&dockerfile));
    let error =
        build(&docker, &job.job, &options, None, context, &Confided::default()).await.expect_err("too long");
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.message().starts_with("docker build: timed out after 30 s, at step ["), "{error}");
    assert!(error.message().contains(&marker), "{error}");
    eventually("the step's processes are gone", || !runs_somewhere(&marker)).await;
}
