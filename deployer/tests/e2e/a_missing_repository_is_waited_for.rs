//! A table may name a repository that is not there yet.

use crate::support::{Bed, Service, Site};

#[test]
fn a_missing_repository_is_waited_for() {
    let bed = Bed::swarm();
    let site = Site::pushing_to(&bed.site());
    let mut deployer = bed.run([]);
    let said = deployer.hears(["WARN", "demo/site", "no Git repository"]);
    assert!(said.contains("hint: "), "{said}");

    site.create();
    deployer.hears(["WARN", "has no branch live", "it has no branch yet: push one"]);
    site.publish("one");

    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "one");
    deployer.stops();
}
