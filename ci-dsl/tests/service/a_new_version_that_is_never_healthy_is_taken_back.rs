//! A health check that never passes: the new task never counts as running, and the old one serves all the time.

use crate::swarm::with_swarm;

#[test]
fn a_new_version_that_is_never_healthy_is_taken_back() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "HEALTHCHECK --interval=200ms CMD true");
        let sick = swarm.web("two", "HEALTHCHECK --interval=300ms --retries=2 CMD false");
        swarm.create("web", &one, &["--update-order", "start-first"]);
        let serving = swarm.answer("web").await;
        let container = swarm.engine.docker(["ps", "-q"]);

        let (result, _) = swarm.update("web", &sick).await;

        let error = result.expect_err("it is never healthy");
        assert!(error.message().contains("unhealthy container"), "{error}");
        assert_eq!(swarm.answer("web").await, serving);
        // The sick one may still be on its way out.
        let running = swarm.engine.docker(["ps", "-q"]);
        assert!(running.lines().any(|id| id == container), "the old task has served all the time: {running}");
    });
}
