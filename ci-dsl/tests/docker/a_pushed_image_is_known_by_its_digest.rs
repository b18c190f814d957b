//! A push gives the digest that the registry holds; by it the image comes back after it was removed here.

use std::time::Duration;

use ci_core::FailureKind;
use ci_dsl::docker::build::is_valid;
use ci_dsl::docker::client::{Docker, DockerHost};
use ci_dsl::docker::credentials::Credentials;
use ci_dsl::docker::image::{exists, untag};
use ci_dsl::docker::push::{pull, push, resolve};
use ci_dsl::docker::reference::Reference;

use crate::support::{Base, HTPASSWD, Registry, Tagged, TestJob, base, ci_user};

#[tokio::test]
async fn a_pushed_image_is_known_by_its_digest() {
    let (docker, job, registry, base) =
        (Docker::local(), TestJob::new(), Registry::start(None).await, base().await);
    let name: Reference = format!("{}/team/web:live", registry.address).parse().unwrap();
    let tagged = Tagged(name.clone());

    let missing = resolve(&docker, &name, None).await.expect_err("nothing is there yet");
    assert_eq!(missing.kind(), FailureKind::Permanent, "{missing}");

    let pinned = push(&docker, &job.job, &base.image.id, &name, None).await.unwrap();
    assert_eq!(pinned.repository(), name.repository());
    let revision =
        registry.storage().join("docker/registry/v2/repositories/team/web/_manifests/tags/live/current/link");
    assert_eq!(std::fs::read_to_string(revision).unwrap(), pinned.digest().as_str());
    assert_eq!(resolve(&docker, &name, None).await.unwrap(), pinned);
    assert_eq!(
        push(&docker, &job.job, &base.image.id, &name, None).await.unwrap(),
        pinned,
        "again is the same"
    );
    assert!(job.log().lines().count() < 30, "{}", job.log());

    // All names away: the image is gone here, and back by its digest.
    untag(&docker, &name).await.unwrap();
    untag(&docker, &base.tag.0).await.unwrap();
    let by_digest = Tagged(pinned.clone().into());
    untag(&docker, &by_digest.0).await.unwrap();
    assert!(!exists(&docker, &base.image.id).await.unwrap(), "the image is gone");
    assert!(!is_valid(&docker, &base.tag.0, &base.image.id).await.unwrap());
    let pulled = pull(&docker, &job.job, &pinned, None).await.unwrap();
    assert_eq!(pulled, base.image);
    assert!(exists(&docker, &base.image.id).await.unwrap());
    drop(tagged);
}

#[tokio::test]
async fn a_registry_that_is_not_there_may_come_back_and_one_that_lacks_the_image_will_not() {
    let (docker, job, registry, base) =
        (Docker::local(), TestJob::new(), Registry::start(None).await, base().await);
    let absent = format!("{}/a@sha256:{}", registry.address, "0".repeat(64)).parse().unwrap();
    let error = pull(&docker, &job.job, &absent, None).await.expect_err("no such digest");
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");

    let name = Tagged(format!("{}/a:b", registry.address).parse().unwrap());
    drop(registry);
    let error = push(&docker, &job.job, &base.image.id, &name.0, None).await.expect_err("nobody listens");
    assert_eq!(error.kind(), FailureKind::Infrastructure, "{error}");
    assert!(error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn a_registry_that_hangs_is_given_up() {
    let (job, base) = (TestJob::new(), base().await);
    let socket = DockerHost::Unix(Docker::SOCKET.into());
    let docker = Docker::patient(Docker::LOCAL, socket, Duration::from_secs(2));
    // It accepts, and never says a word.
    let registry = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = Tagged(format!("{}/a:b", registry.local_addr().unwrap()).parse().unwrap());
    let error = push(&docker, &job.job, &base.image.id, &name.0, None).await.expect_err("it hangs");
    assert_eq!(error.kind(), FailureKind::Infrastructure, "{error}");
    assert!(error.message().ends_with("the registry hangs: nothing was heard of it for 2s"), "{error}");
}

#[tokio::test]
async fn credentials_are_sent_as_they_are_and_never_told() {
    let (docker, job, base) = (Docker::local(), TestJob::new(), base().await);
    let registry = Registry::start(Some(HTPASSWD)).await;
    let name = Tagged(format!("{}/secret/web:1", registry.address).parse().unwrap());
    let right = ci_user();
    let wrong = Credentials { password: "guessed?>".to_owned(), ..right.clone() };

    for credentials in [None, Some(&wrong)] {
        let error =
            push(&docker, &job.job, &base.image.id, &name.0, credentials).await.expect_err("not let in");
        assert_eq!(error.kind(), FailureKind::Infrastructure, "{error}");
        assert!(error.message().contains(&registry.address) && error.hint().is_some(), "{error}");
        assert!(!format!("{error:?}{}", job.log()).contains("guessed"), "{error:?}");
    }
    let pinned = push(&docker, &job.job, &base.image.id, &name.0, Some(&right)).await.unwrap();
    assert_eq!(resolve(&docker, &name.0, Some(&right)).await.unwrap(), pinned);
    assert_eq!(resolve(&docker, &name.0, None).await.expect_err("not let in").kind(), FailureKind::Permanent);
    let by_digest = Tagged(pinned.clone().into());
    assert_eq!(pull(&docker, &job.job, &pinned, Some(&right)).await.unwrap(), base.image);
    drop(by_digest);
}

#[tokio::test]
async fn two_pushes_to_one_tag_never_take_each_others_digest() {
    let (docker, job, registry) = (Docker::local(), TestJob::new(), Registry::start(None).await);
    let (one, two) = tokio::join!(base(), base());
    let name = Tagged(format!("{}/team/web:live", registry.address).parse().unwrap());
    let push_it = |base: &Base| {
        let (docker, job, name, id) =
            (docker.clone(), job.job.clone(), name.0.clone(), base.image.id.clone());
        async move { push(&docker, &job, &id, &name, None).await }
    };
    let (digest_one, digest_two) = (push_it(&one).await.unwrap(), push_it(&two).await.unwrap());
    let _at_the_end = [&digest_one, &digest_two].map(|digest| Tagged(digest.clone().into()));
    assert_ne!(digest_one, digest_two);
    let mut done = 0;
    for _ in 0..10 {
        let (got_one, got_two) = tokio::join!(push_it(&one), push_it(&two));
        for (got, own) in [(got_one, &digest_one), (got_two, &digest_two)] {
            match got {
                Ok(got) => {
                    assert_eq!(&got, own);
                    done += 1;
                }
                // This registry can't always read a tag in the middle of another's write.
                Err(error) if error.kind() == FailureKind::Infrastructure => {
                    assert!(error.hint().is_some(), "{error}");
                }
                Err(error) => assert_eq!(error.kind(), FailureKind::Transient, "{error}"),
            }
        }
    }
    assert!(done > 0, "one of them lands after the other");
}
