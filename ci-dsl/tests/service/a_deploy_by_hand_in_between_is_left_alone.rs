//! A person who deploys at the same moment wins; a person who changes something else is not undone.

use ci_core::FailureKind;
use ci_dsl::docker::service::{Handle, Phase, update};

use crate::swarm::{Notes, Swarm, TestJob, quick, with_swarm};

/// Runs the Docker client with these arguments when the update is about to be posted for the first time.
fn by_hand(swarm: &Swarm, args: Vec<String>) -> TestJob {
    let mut docker = swarm.engine.command("docker");
    docker.args(args);
    let docker = std::sync::Mutex::new(Some(docker));
    let act = move |handle: &Handle| {
        assert!(matches!(handle.phase, Phase::Intended | Phase::Updated));
        if let Some(mut docker) = docker.lock().expect("nobody panics here").take() {
            assert!(docker.status().expect("docker runs").success());
        }
    };
    TestJob::with(swarm, Notes { on_note: Some(Box::new(act)), ..Notes::default() })
}

fn args(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

#[test]
fn a_deploy_by_hand_in_between_is_left_alone() {
    with_swarm(async |swarm| {
        let (one, two, three) = (swarm.web("one", ""), swarm.web("two", ""), swarm.web("three", ""));
        swarm.create("web", &one, &[]);
        let job = by_hand(swarm, args(&["service", "update", "--detach", "--image", &three, "web"]));

        let error =
            update(&swarm.api, &job.job, "web", &two, &quick()).await.expect_err("a person was faster");

        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.message().contains("changed by hand"), "{error}");
        assert_eq!(swarm.images_set("web"), [three]);
        assert_eq!(swarm.answer("web").await, "three");
    });
}

#[test]
fn another_change_by_hand_in_between_is_kept() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &[]);
        let job = by_hand(swarm, args(&["service", "update", "--detach", "--env-add", "MORE=yes", "web"]));

        update(&swarm.api, &job.job, "web", &two, &quick()).await.expect("it is a good image");

        let service = swarm.service("web").await;
        assert_eq!(service["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"], serde_json::json!(["MORE=yes"]));
        assert_eq!(swarm.answer("web").await, "two");
    });
}
