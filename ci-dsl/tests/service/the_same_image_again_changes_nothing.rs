//! What runs already is watched, not updated.

use ci_dsl::docker::service::Health;

use crate::swarm::with_swarm;

#[test]
fn the_same_image_again_changes_nothing() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &["--replicas", "2", "--update-parallelism", "0"]);
        let (first, log) = swarm.update("web", &two).await;
        let first = first.expect("it is a good image");
        assert_eq!((first.tasks.len(), first.health), (2, Health::Running));
        assert!(log.contains("running is not healthy"), "{log}");
        let version = swarm.version("web").await;

        let (again, log) = swarm.update("web", &two).await;

        let again = again.expect("it runs");
        assert!(log.contains("already set to"), "{log}");
        assert_eq!((swarm.version("web").await, again.version), (version, version));
        assert_eq!(again.tasks, first.tasks);
        assert_eq!(swarm.images_set("web"), [two]);
    });
}
