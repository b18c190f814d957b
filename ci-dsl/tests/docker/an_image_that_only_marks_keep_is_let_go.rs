//! What nothing but the mark of a build keeps can be let go, with all by which a registry knew it; and nothing else is.

use ci_core::KeyDigest;
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::image::{exists, untag};
use ci_dsl::docker::kept::{KeptImage, kept, let_go};
use ci_dsl::docker::push::push;
use ci_dsl::docker::reference::Reference;
use ci_dsl::docker::tag::tag;

use crate::support::{Base, Registry, Tagged, TestJob, base, unique};

/// An image that has a mark beside its tag.
async fn marked(docker: &Docker) -> (Base, KeyDigest, Tagged) {
    let base = base().await;
    let key = KeyDigest::of(&serde_json::json!(unique()));
    let mark: Reference = format!("ci/{key}:latest").parse().unwrap();
    tag(docker, &base.image.id, &mark).await.unwrap();
    (base, key, Tagged(mark))
}

async fn told(docker: &Docker, base: &Base) -> Option<KeptImage> {
    kept(docker).await.unwrap().into_iter().find(|image| image.id == base.image.id)
}

#[tokio::test]
async fn an_image_that_only_marks_keep_is_let_go() {
    let (docker, job, registry) = (Docker::local(), TestJob::new(), Registry::start(None).await);
    let (base, key, _mark) = marked(&docker).await;
    let pushed = Tagged(format!("{}/team/web:live", registry.address).parse().unwrap());
    let pinned = push(&docker, &job.job, &base.image.id, &pushed.0, None).await.unwrap();
    let _by_digest = Tagged(pinned.into());
    assert_eq!(told(&docker, &base).await, None, "it has the tag that it was pushed by, and its own");
    untag(&docker, &pushed.0).await.unwrap();
    assert_eq!(told(&docker, &base).await, None, "it has its own tag");
    untag(&docker, &base.tag.0).await.unwrap();
    let image = told(&docker, &base).await.expect("nothing but its mark is left");
    assert_eq!(image.keys, [key]);
    assert!(image.bytes > 0);
    let_go(&docker, &image).await.unwrap();
    assert!(!exists(&docker, &base.image.id).await.unwrap());
    let_go(&docker, &image).await.expect("what is gone is no error");
}

#[tokio::test]
async fn but_not_one_that_a_container_was_made_of() {
    let docker = Docker::local();
    let (base, _, mark) = marked(&docker).await;
    untag(&docker, &base.tag.0).await.unwrap();
    let image = told(&docker, &base).await.expect("nothing but its mark is left");
    let container = Container::of(&mark.0);
    assert_eq!(told(&docker, &base).await, None);
    let_go(&docker, &image).await.expect_err("somebody looked before there was a container");
    assert!(exists(&docker, &base.image.id).await.unwrap());
    drop(container);
    assert_eq!(told(&docker, &base).await, Some(image));
}

/// A container that never runs, until it is dropped.
struct Container(String);

impl Container {
    fn of(image: &Reference) -> Self {
        let name = format!("ci-test-{}", unique());
        let image = image.to_string();
        docker(&["create", "--name", &name, &image, "nothing"]);
        Self(name)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}

fn docker(args: &[&str]) {
    let output = std::process::Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
