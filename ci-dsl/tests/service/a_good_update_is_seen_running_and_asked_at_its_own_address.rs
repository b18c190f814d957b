//! The wanted digest runs, and a probe at the task's own address has seen it answer.

use ci_dsl::docker::probe::Probe;
use ci_dsl::docker::service::{Health, UpdateOptions, update};

use crate::swarm::{TestJob, quick, with_swarm};

#[test]
fn a_good_update_is_seen_running_and_asked_at_its_own_address() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create(
            "web",
            &one,
            &["--health-cmd", "true", "--health-interval", "200ms", "--env", "KEPT=yes"],
        );
        assert_eq!(swarm.answer("web").await, "one");
        let probe = Some(Probe::Http { port: 80, path: "/".to_owned() });
        let before = swarm.service("web").await["Spec"].clone();

        let job = TestJob::new(swarm);
        let options = UpdateOptions { probe, ..quick() };
        let evidence = update(&swarm.api, &job.job, "web", &two, &options).await.expect("it is a good image");

        assert_eq!(swarm.answer("web").await, "two");
        assert_eq!((evidence.service.as_str(), evidence.image.as_str()), ("web", two.as_str()));
        assert_eq!(evidence.version, swarm.version("web").await);
        assert_eq!(evidence.health, Health::Healthy);
        assert!(2000 <= evidence.stable_for_ms);
        let [task] = &evidence.tasks[..] else { panic!("one replica: {:?}", evidence.tasks) };
        let format = "{{.NetworkSettings.Networks.bridge.IPAddress}}";
        assert_eq!(task.address, Some(swarm.engine.docker(["inspect", "-f", format, &task.container])));
        let mut after = swarm.service("web").await["Spec"].clone();
        after["TaskTemplate"]["ContainerSpec"]["Image"] = one.into();
        assert_eq!(after, before, "nothing but the image was changed, the health check least of all");
        assert_eq!(swarm.images_set("web"), [two]);
    });
}

#[test]
fn a_probe_that_gets_no_answer_takes_the_update_back() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &[]);
        let probe = Some(Probe::Http { port: 80, path: "/status".to_owned() });
        // Enough for a task to start and be asked on a machine that does much else.
        let timeout = std::time::Duration::from_secs(20);

        let job = TestJob::new(swarm);
        let options = UpdateOptions { probe, timeout, ..quick() };
        let error =
            update(&swarm.api, &job.job, "web", &two, &options).await.expect_err("there is no /status");

        assert!(error.message().contains("was not good within 20s: probe GET :80/status"), "{error}");
        assert!(error.message().contains("status 404"), "{error}");
        assert_eq!(swarm.answer("web").await, "one");
    });
}
