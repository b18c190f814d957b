//! An image that was pulled serves until its name stands for another.

use std::time::Duration;

use ci_core::current::PERIOD_MIN;
use ci_core::event::{Phase, What};
use ci_core::{Current, Engine};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::image::exists;
use ci_dsl::docker::push::push;
use ci_dsl::docker::reference::Reference;
use ci_dsl::docker::{self, Pulled};
use tokio::sync::mpsc;

use crate::support::{Registry, Tagged, TestJob, base};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_name_is_followed_while_its_image_serves() {
    let (docker, job, registry) = (Docker::local(), TestJob::new(), Registry::start(None).await);
    let (one, two) = tokio::join!(base(), base());
    let name: Reference = format!("{}/base:13", registry.address).parse().unwrap();
    let _tag = Tagged(name.clone());
    let first = push(&docker, &job.job, &one.image.id, &name, None).await.unwrap();

    let state = tempfile::tempdir().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let engine = Engine::open(state.path()).unwrap().with(docker.clone());
    let mut events = engine.events();
    let current: Current<Pulled> = docker::pull(&name.to_string()).unwrap().valid_for(PERIOD_MIN);
    let handle = engine.start(move || current.map(move |pulled| _ = tell.send(pulled.clone()))).unwrap();
    let mut next = async || tokio::time::timeout(PATIENCE, told.recv()).await.unwrap().unwrap();
    let pulled = next().await;
    assert_eq!((&pulled.image, &pulled.id), (&first, &one.image.id));

    let second = push(&docker, &job.job, &two.image.id, &name, None).await.unwrap();
    let _pins = [&first, &second].map(|pinned| Tagged(pinned.clone().into()));
    let pulled = next().await;
    assert_eq!((&pulled.image, &pulled.id), (&second, &two.image.id), "the name stands for another");
    assert!(exists(&docker, &two.image.id).await.unwrap());

    drop(registry);
    let failed = async {
        loop {
            if let What::Job { phase: Phase::Failed { failure, .. }, .. } = events.recv().await.unwrap().what
            {
                return failure;
            }
        }
    };
    let failure = tokio::time::timeout(PATIENCE, failed).await.unwrap();
    let node = handle.snapshot().await.nodes.iter().find(|node| node.stale.is_some()).cloned();
    let node = node.expect("its doubt is seen");
    assert_eq!((node.state.to_string(), node.stale), ("ok".to_owned(), Some(failure.to_string())));
    assert!(handle.status().borrow().outcome.is_ok());
    handle.stop().await;
}
