//! Swarm waits for ever for a node. We wait 10 s.

use crate::swarm::with_swarm;

#[test]
fn an_update_that_no_node_takes_is_taken_back() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        // More than half of the node's processors: the new task does not fit beside the old one.
        let cpus = std::thread::available_parallelism().expect("this machine has processors").get() as f64;
        let reserve = format!("{:.2}", cpus * 0.75);
        swarm.create("web", &one, &["--update-order", "start-first", "--reserve-cpu", &reserve]);
        assert_eq!(swarm.answer("web").await, "one");

        let (result, _) = swarm.update("web", &two).await;

        let error = result.expect_err("there is no node for it");
        assert!(
            error.message().contains("no node takes it: no suitable node (insufficient resources"),
            "{error}"
        );
        assert_eq!(swarm.answer("web").await, "one");
        assert_eq!(swarm.images_set("web"), [two, one]);
    });
}
