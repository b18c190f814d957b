//! Commits faster than deployments: what is skipped is skipped for good, nothing older follows anything newer, and the
//! newest is live in the end. The engine's own events are asked, not the deployer.

use crate::support::{Bed, Events, Service, Site, images_set};

#[test]
fn of_quick_commits_the_newest_wins() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    site.publish("0");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let mut events = Events::of(&bed.engine);

    // Two while a build runs, then two while the service is updated.
    site.publish("1");
    deployer.hears(["docker-build", ": started"]);
    site.publish("2");
    let three = site.publish("3");
    deployer.hears([&format!("Dockerfile of site@{}", &three[..8]), ": done job="]);
    deployer.hears(["docker-service", ": started"]);
    site.publish("4");
    let five = site.publish("5");
    deployer.hears([&format!("Dockerfile of site@{}", &five[..8]), ": done job="]);
    deployer.hears(["docker-service", ": started"]);
    deployer.hears_it_is_live();
    deployer.stops();

    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "5");
    let images = images_set(&events.until_now(&bed.engine), "demo-site");
    let label = "{{.Config.Labels.page}}";
    let pages = images.iter().map(|image| bed.engine.docker(["image", "inspect", "--format", label, image]));
    let pages: Vec<u32> = pages.map(|page| page.parse().unwrap()).collect();
    assert!(pages.is_sorted() && pages.contains(&3) && pages.last() == Some(&5), "{pages:?}");
}
