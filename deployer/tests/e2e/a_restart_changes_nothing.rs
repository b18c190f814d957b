//! SIGTERM ends the program well and leaves the service alone; started again, it knows that all is done.

use crate::support::{Bed, Service, Site};

#[test]
fn a_restart_changes_nothing() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let (before, jobs) = (Service::of(&bed.engine, "demo-site"), bed.jobs());

    deployer.stops();
    assert_eq!(Service::of(&bed.engine, "demo-site"), before);
    assert!(!bed.state().join("control.sock").exists(), "the socket goes with the program");

    let mut deployer = bed.run([]);
    deployer.hears(["docker-service", ": done before"]);
    assert_eq!((Service::of(&bed.engine, "demo-site"), bed.jobs()), (before, jobs));

    site.publish("two");
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "two");
    deployer.stops();
}
