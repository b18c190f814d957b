//! Swarm takes a bad update back by itself, and calls that completed. It is not what was asked for.

use crate::swarm::with_swarm;

#[test]
fn a_rollback_by_swarm_is_a_failure() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        let bad = swarm.image("CMD [\"sh\", \"-c\", \"exit 5\"]");
        let rollback = ["--update-failure-action", "rollback", "--rollback-monitor", "100ms"];
        swarm.create("web", &one, &rollback);

        let (result, _) = swarm.update("web", &bad).await;

        let error = result.expect_err("it exits");
        assert!(error.message().contains("exit code 5; the version before"), "{error}");
        assert_eq!(swarm.image_set("web").await, one);
        assert_eq!(swarm.answer("web").await, "one");
        let bad_ones = swarm.images_set("web").into_iter().filter(|image| *image == bad).count();
        assert_eq!(bad_ones, 1);
    });
}
