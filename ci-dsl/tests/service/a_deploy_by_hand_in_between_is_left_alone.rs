//! A person who deploys at the same moment wins; a person who changes something else is not undone.

use std::time::{Duration, Instant};

use ci_core::FailureKind;
use ci_dsl::docker::service::{Handle, Phase, update};

use crate::swarm::{Notes, Swarm, TestJob, quick, with_swarm};

/// Runs the Docker client with these arguments when the update is about to be posted for the first time.
fn by_hand(swarm: &Swarm, args: Vec<String>) -> TestJob {
    by_hand_when(swarm, args, |phase| matches!(phase, Phase::Intended | Phase::Updated))
}

/// Runs the Docker client with these arguments when such a phase is noted for the first time.
fn by_hand_when(swarm: &Swarm, args: Vec<String>, when: fn(&Phase) -> bool) -> TestJob {
    let mut docker = swarm.engine.command("docker");
    docker.args(args);
    let docker = std::sync::Mutex::new(Some(docker));
    let act = move |handle: &Handle| {
        if !when(&handle.phase) {
            return;
        }
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

/// What it failed of would be waited for, and then tried again: not over what a person has set.
#[test]
fn a_deploy_by_hand_while_an_update_is_taken_back_is_left_alone() {
    with_swarm(async |swarm| {
        let (one, two, three) = (swarm.web("one", ""), swarm.web("two", ""), swarm.web("three", ""));
        let cpus = std::thread::available_parallelism().expect("this machine has processors").get() as f64;
        let reserve = format!("{:.2}", cpus * 0.75);
        swarm.create("web", &one, &["--update-order", "start-first", "--reserve-cpu", &reserve]);
        assert_eq!(swarm.answer("web").await, "one");
        let theirs = args(&["service", "update", "--detach", "--image", &three, "web"]);
        let job = by_hand_when(swarm, theirs, |phase| matches!(phase, Phase::GoingBack { .. }));

        let error = update(&swarm.api, &job.job, "web", &two, &quick()).await.expect_err("it finds no node");

        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains("finds no node"), "{error}");
        assert!(error.message().contains("changed by hand meanwhile"), "{error}");
        assert_eq!(swarm.image_set("web").await, three);
    });
}

/// It waits for a node. Another job, of the next commit or of a rebuild, does replace it.
#[test]
fn a_deploy_by_hand_while_an_update_waits_is_left_alone() {
    with_swarm(async |swarm| {
        let (one, two, three) = (swarm.web("one", ""), swarm.web("two", ""), swarm.web("three", ""));
        swarm.create("web", &one, &[]);
        assert_eq!(swarm.answer("web").await, "one");
        let set = |what: [&str; 2]| {
            swarm
                .engine
                .docker(["service", "update", "-q", "--detach"].into_iter().chain(what).chain(["web"]));
        };
        set(["--constraint-add", "node.labels.disk==fast"]);
        let (options, test) = (quick(), TestJob::new(swarm));
        let waits = update(&swarm.api, &test.job, "web", &two, &options).await.expect_err("it finds no node");
        assert_eq!(waits.kind(), FailureKind::Infrastructure, "{waits}");

        set(["--image", &three]);
        set(["--constraint-rm", "node.labels.disk==fast"]);

        let error = update(&swarm.api, &test.job, "web", &two, &options).await.expect_err("it is theirs");
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains("changed by hand"), "{error}");
        assert_eq!(swarm.image_set("web").await, three);

        let next = TestJob::new(swarm);
        let deadline = Instant::now() + Duration::from_secs(60);
        // Swarm may not have found its node again yet.
        while let Err(error) = update(&swarm.api, &next.job, "web", &two, &options).await {
            assert_eq!(error.kind(), FailureKind::Infrastructure, "{error}");
            assert!(Instant::now() < deadline, "it never went on: {error}");
        }
        assert_eq!(swarm.answer("web").await, "two");
    });
}
