//! A build gets what its base image's registry asks for, and says so when it has not.

use ci_core::FailureKind;
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::credentials::Keyring;
use ci_dsl::docker::push::push;

use crate::support::{HTPASSWD, Registry, Tagged, TestJob, base, ci_user, context, stream};

#[tokio::test]
async fn a_private_base_image_needs_its_key() {
    let (docker, job, base) = (Docker::local(), TestJob::new(), base().await);
    let registry = Registry::start(Some(HTPASSWD)).await;
    let name = Tagged(format!("{}/private/base:1", registry.address).parse().unwrap());
    let pinned = push(&docker, &job.job, &base.image.id, &name.0, Some(&ci_user())).await.unwrap();

    let tag = Tagged::new();
    let options = BuildOptions { pull: true, ..BuildOptions::new(tag.0.clone()) };
    let dockerfile = format!("FROM {pinned}\nRUN echo built\n");
    let build_with = async |keyring: Keyring| {
        let confided = Confided { keyring, ..Confided::default() };
        build(&docker, &job.job, &options, None, stream(context(&dockerfile)), &confided).await
    };
    let error = build_with(Keyring::new()).await.expect_err("not let in");
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(error.message().contains(&registry.address) && error.hint().is_some(), "{error:?}");
    let keyring = Keyring::from([(registry.address.clone(), ci_user())]);
    build_with(keyring).await.unwrap_or_else(|e| panic!("{e}\n{}", job.log()));
}
