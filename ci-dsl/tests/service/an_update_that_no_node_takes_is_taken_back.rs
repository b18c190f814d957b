//! Swarm waits for ever for a node. We wait 10 s; and do not try again, with all that is stopped and started by that,
//! before something has changed.

use std::time::{Duration, Instant};

use ci_core::FailureKind;
use ci_dsl::docker::service::update;

use crate::swarm::{TestJob, quick, with_swarm};

#[test]
fn an_update_that_no_node_takes_is_taken_back() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        // More than half of the node's processors: the new task does not fit beside the old one.
        let cpus = std::thread::available_parallelism().expect("this machine has processors").get() as f64;
        let reserve = format!("{:.2}", cpus * 0.75);
        swarm.create("web", &one, &["--update-order", "start-first", "--reserve-cpu", &reserve]);
        assert_eq!(swarm.answer("web").await, "one");

        let options = quick();
        let try_it = async || {
            let test = TestJob::new(swarm);
            let result = update(&swarm.api, &test.job, "web", &two, &options).await;
            (result, test.notes.last())
        };

        let (result, noted) = try_it().await;

        let error = result.expect_err("there is no node for it");
        assert!(
            error.message().contains("finds no node: no suitable node (insufficient resources"),
            "{error}"
        );
        assert_eq!((error.kind(), noted), (FailureKind::Infrastructure, None), "it may begin anew");
        assert_eq!(swarm.answer("web").await, "one");
        let version = swarm.version("web").await;
        let (result, _) = try_it().await;
        assert_eq!(result.expect_err("nothing has changed").message(), error.message());
        assert_eq!(swarm.version("web").await, version, "nothing was touched");
        assert_eq!(swarm.images_set("web"), [two.clone(), one.clone()]);

        swarm.engine.docker(["service", "update", "-q", "--detach", "--reserve-cpu", "0.1", "web"]);
        let deadline = Instant::now() + Duration::from_secs(60);
        while try_it().await.0.is_err() {
            assert!(Instant::now() < deadline, "it never went on");
        }
        assert_eq!(swarm.answer("web").await, "two");
    });
}
