//! `deployer rebuild` runs the build again. It gives the same image, so nothing follows from it.

use crate::support::{Bed, Service, Site, eventually};

#[test]
fn a_rebuild_of_a_good_build_changes_no_service_that_needs_no_change() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let (before, first) = (Service::of(&bed.engine, "demo-site"), bed.job("docker-build", "ok"));

    bed.ask(["rebuild", &first.id]);

    deployer.hears(["docker-build", ": done job="]);
    let second =
        eventually("a second build", || Some(bed.job("docker-build", "ok")).filter(|j| j.id != first.id));
    assert_eq!(second.summary, first.summary);
    assert_eq!(Service::of(&bed.engine, "demo-site"), before);
    deployer.stops();
}
