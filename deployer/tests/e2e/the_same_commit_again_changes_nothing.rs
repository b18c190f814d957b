//! Nothing is built for a commit that was built before, and nothing is deployed for a commit that is live: whether the
//! branch comes back to it, or the deployer does.

use crate::support::{Bed, Service, Site};

#[test]
fn a_branch_that_is_deleted_and_comes_back_changes_nothing() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    let one = site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let (before, jobs) = (Service::of(&bed.engine, "demo-site"), bed.jobs());
    assert_eq!(before.page(), "one");

    site.delete_branch();
    deployer.hears(["has no branch live"]);
    site.push(&one);
    deployer.hears([&one[..8]]);
    deployer.hears(["docker-service", ": done before"]);

    assert_eq!(Service::of(&bed.engine, "demo-site"), before);
    assert_eq!(bed.jobs(), jobs);
    deployer.stops();
}

#[test]
fn a_branch_that_is_reset_to_an_older_commit_deploys_its_image_without_building_it() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    let one = site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let image = Service::of(&bed.engine, "demo-site").image;
    site.publish("two");
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "two");
    let builds = |bed: &Bed| bed.jobs().into_iter().filter(|job| job.id.contains("docker-build")).count();
    assert_eq!(builds(&bed), 2);

    site.push(&one);
    deployer.hears_it_is_live();

    let after = Service::of(&bed.engine, "demo-site");
    assert_eq!((after.page().as_str(), after.image), ("one", image));
    assert_eq!(builds(&bed), 2);
    deployer.stops();
}
