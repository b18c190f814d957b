//! A build gives an image that stands under its tag, takes arguments and a target, and shows its steps.

use std::collections::BTreeMap;

use ci_dsl::docker::build::{BuildOptions, Confided, build, is_valid};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::image::untag;

use crate::support::{BASE, Tagged, TestJob, context, stream, unique};

#[tokio::test]
async fn a_build_gives_an_image_and_shows_its_steps() {
    let (docker, job, tag) = (Docker::local(), TestJob::new(), Tagged::new());
    let value = unique();
    let dockerfile = format!(
        "{BASE}FROM scratch AS tools\nCOPY --from=0 / /\nARG WHO=nobody\nRUN echo out-$WHO; echo err >&2; printf 'half'\n\
         FROM tools AS other\nRUN exit 9\n"
    );
    let options = BuildOptions {
        args: BTreeMap::from([("WHO".to_owned(), value.clone())]),
        target: Some("tools".to_owned()),
        ..BuildOptions::new(tag.0.clone())
    };
    let build_it = || async {
        let context = stream(context(&dockerfile));
        build(&docker, &job.job, &options, Some(&dockerfile), context, &Confided::default()).await
    };

    let image = build_it().await.unwrap_or_else(|e| panic!("{e}\n{}", job.log()));
    assert_eq!(image.architecture, docker.info().await.unwrap().architecture);
    let log = job.log();
    assert!(log.contains(&format!("out-{value}\n")), "{log}");
    assert!(log.contains("err\n") && log.contains("half"), "{log}");
    let step = log.lines().find(|line| line.contains("RUN echo out-")).expect("the step is shown");
    let number = step.split_once(' ').expect("a number stands first").0;
    assert!(number.starts_with('#'), "{step}");
    assert!(log.lines().any(|line| line.starts_with(&format!("{number} DONE "))), "{log}");
    assert!(is_valid(&docker, &tag.0, &image.id).await.unwrap());

    // Again: the same image, from the cache.
    let again = build_it().await.unwrap();
    assert_eq!(again, image);
    assert!(job.log()[log.len()..].contains(" CACHED\n"), "{}", job.log());

    untag(&docker, &tag.0).await.unwrap();
    assert!(!is_valid(&docker, &tag.0, &image.id).await.unwrap(), "a removed image can't be used");
}
