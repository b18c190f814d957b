//! A step has the secrets that it mounts. They are masked in what it prints, and neither the image nor its history holds
//! them. A step that mounts another fails, whatever it would do without.

use std::collections::BTreeMap;
use std::process::Command;

use ci_core::FailureKind;
use ci_core::secret::{Secret, Secrets};
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::image::inspect;

use crate::support::{BASE, Tagged, TestJob, context, lines, stream, unique};

/// Two secrets under the ids `npm` and `hub.key-1`, and a job that masks them.
fn confided() -> (Confided, Vec<String>, TestJob) {
    let secrets = Secrets::default();
    let mut confided = Confided::default();
    let mut values = Vec::new();
    for (id, name) in [("npm", "npm-token"), ("hub.key-1", "hub-token")] {
        let value = format!("{}-{id}", unique());
        let secret = Secret::new(name, value.clone()).unwrap();
        secrets.add(&secret).unwrap();
        confided.secrets.insert(id.to_owned(), secret);
        values.push(value);
    }
    (confided, values, TestJob::masking(secrets))
}

#[tokio::test]
async fn it_is_in_neither_log_nor_image_nor_history() {
    let (docker, tag, (confided, values, job)) = (Docker::local(), Tagged::new(), confided());
    let dockerfile = format!(
        "{BASE}RUN --mount=type=secret,id=npm --mount=type=secret,id=hub.key-1 --mount=type=secret,id=npm,target=/elsewhere \\\n\
         cd /run/secrets && busybox rev npm hub.key-1 && busybox cmp npm /elsewhere && busybox wc -c npm && \\\n\
         echo it is $(busybox cat npm) or $(busybox base64 npm) >&2 && busybox sh -xc ': $(busybox cat hub.key-1)' && echo {}\n\
         RUN test ! -s /run/secrets/npm\n",
        unique()
    );
    let options = BuildOptions::new(tag.0.clone());
    let built =
        build(&docker, &job.job, &options, Some(&dockerfile), stream(context(&dockerfile)), &confided).await;
    let image = built.unwrap_or_else(|e| panic!("{e}\n{}", job.log()));

    let log = job.log();
    for value in &values {
        assert!(log.contains(&value.chars().rev().collect::<String>()), "the step had it: {log}");
        assert!(!log.contains(value), "{log}");
    }
    assert!(log.contains(&format!("it is {}", "*".repeat(values[0].len()))), "{log}");
    assert!(log.contains(&format!("{} npm", values[0].len())), "not a byte more than it has: {log}");

    let id = image.id.to_string();
    let history = lines(Command::new("docker").args(["history", "--no-trunc", &id])).join("\n");
    let inspected = lines(Command::new("docker").args(["inspect", &id])).join("\n");
    let saved = Command::new("docker").args(["save", &id]).output().unwrap();
    assert!(saved.status.success() && saved.stdout.len() > 1_000_000);
    assert!(history.contains("busybox rev npm"), "{history}");
    for value in &values {
        assert!(!history.contains(value) && !inspected.contains(value));
        let holds = saved.stdout.windows(value.len()).any(|window| window == value.as_bytes());
        assert!(!holds, "a layer holds it");
    }
}

#[tokio::test]
async fn of_its_bytes_none_is_lost_or_added() {
    let (docker, tag, job) = (Docker::local(), Tagged::new(), TestJob::new());
    let mut bytes = [0, b'\n', 0xff].repeat(Secret::BYTES_MAX / 3);
    bytes.push(1);
    let confided = Confided {
        secrets: BTreeMap::from([("key".to_owned(), Secret::new("key", bytes.clone()).unwrap())]),
        ..Confided::default()
    };
    let dockerfile = format!(
        "{BASE}RUN --mount=type=secret,id=key busybox sha256sum </run/secrets/key && echo {}\n",
        unique()
    );
    let options = BuildOptions::new(tag.0.clone());
    build(&docker, &job.job, &options, None, stream(context(&dockerfile)), &confided)
        .await
        .unwrap_or_else(|e| panic!("{e}\n{}", job.log()));
    let sum = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert!(job.log().contains(&sum), "{sum} is not in\n{}", job.log());
}

#[tokio::test]
async fn one_that_the_build_is_not_given_fails_it_also_where_the_step_does_not_insist() {
    for required in ["", ",required=true"] {
        let (docker, tag, (confided, _, job)) = (Docker::local(), Tagged::new(), confided());
        let dockerfile = format!(
            "{BASE}RUN --mount=type=secret,id=nmp{required} echo runs without && echo {}\n",
            unique()
        );
        let options = BuildOptions::new(tag.0.clone());
        let error = build(&docker, &job.job, &options, None, stream(context(&dockerfile)), &confided)
            .await
            .expect_err("it has none of that name");
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert_eq!(
            error.message(),
            "docker build: a step mounts the secret \"nmp\", which the build is not given"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains(".secret(\"nmp\", …)")), "{error:?}");
        assert!(!job.log().contains("\nruns without\n"), "{}", job.log());
        assert_eq!(inspect(&docker, &tag.0).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_argument_that_holds_one_is_refused_before_the_engine_hears_of_it() {
    let (docker, tag, (confided, values, job)) = (Docker::local(), Tagged::new(), confided());
    let mut options = BuildOptions::new(tag.0.clone());
    options.args.insert("TOKEN".to_owned(), format!("me:{}", values[1]));
    let error = build(&docker, &job.job, &options, None, stream(context(BASE)), &confided).await;
    let error = error.expect_err("it would stay in the image");
    assert!(error.message().contains("argument TOKEN holds a secret") && error.hint().is_some(), "{error}");
    assert!(!error.message().contains(&values[1]) && job.log().is_empty(), "{error}");

    let mut confided = confided;
    confided.secrets.insert("a,b".to_owned(), Secret::new("x", "hunter2").unwrap());
    let options = BuildOptions::new(tag.0.clone());
    let error = build(&docker, &job.job, &options, None, stream(context(BASE)), &confided).await;
    assert!(error.expect_err("no step could mount it").message().contains("\"a,b\""));
}
