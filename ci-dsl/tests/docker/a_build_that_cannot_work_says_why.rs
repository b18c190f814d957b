//! What is wrong with a build is said in one error, which is never retried.

use std::io;

use bytes::Bytes;
use ci_core::{FailureKind, OpError};
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::image::inspect;
use futures::StreamExt as _;

use crate::support::{BASE, Tagged, TestJob, context, stream, unique};

async fn fails(dockerfile: &str, change: impl FnOnce(&mut BuildOptions)) -> (OpError, String) {
    let (docker, job, tag) = (Docker::local(), TestJob::new(), Tagged::new());
    let mut options = BuildOptions::new(tag.0.clone());
    change(&mut options);
    let context = stream(context(dockerfile));
    let error = build(&docker, &job.job, &options, Some(dockerfile), context, &Confided::default())
        .await
        .expect_err("the build fails");
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert_eq!(inspect(&docker, &tag.0).await.unwrap(), None, "nothing stands under the tag");
    (error, job.log())
}

#[tokio::test]
async fn a_failing_step_is_named_with_its_exit_code_and_last_lines() {
    // Words that would mean something else, were they not the command's own.
    let script = format!("echo {}; echo no space left on device >&2; exit 3", unique());
    let (error, log) = fails(&format!("{BASE}RUN {script}\n"), |_| {}).await;
    let (first, rest) = error.message().split_once('\n').expect("output follows");
    assert!(first.starts_with("docker build: step [") && first.ends_with("failed: exit code 3"), "{first}");
    assert!(first.contains("RUN echo"), "{first}");
    // The two outputs come in any order.
    assert!(rest.contains("no space left on device"), "{rest}");
    assert!(log.contains(" ERROR: ") && log.contains("\nno space left on device\n"), "{log}");
}

#[tokio::test]
async fn a_bad_dockerfile_is_told_with_its_line() {
    let (error, _) = fails("FROM scratch\nFRM x\n", |_| {}).await;
    assert!(error.message().to_lowercase().contains("unknown instruction: frm"), "{error}");
}

#[tokio::test]
async fn a_missing_dockerfile_is_named() {
    let (error, _) = fails(BASE, |options| options.dockerfile = "sub/Missing".to_owned()).await;
    assert!(
        error.message().contains("sub/Missing") || error.message().contains("Missing: no such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_stage_is_named() {
    let (error, _) = fails(BASE, |options| options.target = Some("nowhere".to_owned())).await;
    assert!(error.message().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn hostile_input_is_refused_before_the_engine_hears_of_it() {
    for (dockerfile, change) in [
        ("# syntax=attacker/frontend\nFROM scratch", (|_| {}) as fn(&mut BuildOptions)),
        (BASE, |options| drop(options.args.insert("BUILDKIT_SYNTAX".to_owned(), "a/b".to_owned()))),
        (BASE, |options| drop(options.args.insert("A=B".to_owned(), String::new()))),
        (BASE, |options| options.dockerfile = "../Dockerfile".to_owned()),
        (BASE, |options| options.dockerfile = "/etc/passwd".to_owned()),
        (BASE, |options| options.dockerfile = String::new()),
    ] {
        let (error, log) = fails(dockerfile, change).await;
        assert!(error.hint().is_some() && log.is_empty(), "{error}\n{log}");
    }
}

#[tokio::test]
async fn a_context_that_breaks_off_is_told_as_such() {
    let (docker, job, tag) = (Docker::local(), TestJob::new(), Tagged::new());
    let broken = io::Error::other("git archive died");
    let half = context(BASE)[..100_000].to_vec();
    let context = stream(half).chain(futures::stream::once(async { Err::<Bytes, _>(broken) }));
    let options = BuildOptions::new(tag.0.clone());
    let error =
        build(&docker, &job.job, &options, None, context, &Confided::default()).await.expect_err("it breaks");
    assert_eq!(error.message(), "docker build: the context can't be read: git archive died");
    assert_eq!(inspect(&docker, &tag.0).await.unwrap(), None);
}
