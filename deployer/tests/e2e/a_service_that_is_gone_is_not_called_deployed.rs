//! A result of yesterday is no proof for today: a service that somebody removed while the deployer was down is made
//! again; one that somebody set to another image is left as it is, and that is said.

use crate::support::{Bed, Service, Site};

#[test]
fn a_service_that_is_gone_is_not_called_deployed() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    deployer.stops();

    bed.engine.docker(["service", "rm", "demo-site"]);
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "one");
    deployer.stops();

    testbed::base_image(&bed.engine, "theirs");
    bed.engine.docker([
        "service",
        "update",
        "-q",
        "--detach",
        "--image",
        "theirs",
        "--no-resolve-image",
        "demo-site",
    ]);
    let mut deployer = bed.run([]);
    deployer.hears(["WARN", "service demo-site on local was changed by hand", "theirs"]);
    deployer.stops();
    let image = bed.engine.docker([
        "service",
        "inspect",
        "--format",
        "{{.Spec.TaskTemplate.ContainerSpec.Image}}",
        "demo-site",
    ]);
    assert_eq!(image, "theirs:latest");
}
