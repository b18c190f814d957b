//! SIGTERM does not wait for a build: it is stopped, and run again by the next start.

use testbed::base_image;

use crate::support::{Bed, Service, Site, Sleep};

#[test]
fn a_stop_during_a_build_leaves_no_process_and_is_gone_on_with() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let before = Service::of(&bed.engine, "demo-site");

    let sleep = Sleep::of_one_hour();
    let slow = format!("FROM base\nRUN {sleep}\n");
    let commit = site.commit_dockerfile("slow", &slow);
    site.push(&commit);
    sleep.begins();
    deployer.stops();
    sleep.is_over();
    assert_eq!(Service::of(&bed.engine, "demo-site"), before);

    let mut deployer = bed.run([]);
    sleep.begins();
    let two = site.publish("two");
    deployer.hears([&two[..8]]);
    sleep.is_over();
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "two");
    deployer.stops();
}
