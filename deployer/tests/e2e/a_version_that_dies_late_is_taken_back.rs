//! It looks well for eight seconds; the entry asks for ten. So the job fails, and the old version is what is left.

use deployer::prelude::*;
use testbed::base_image;

use crate::support::{Bed, Library, Service, Site, Visitor};

#[test]
fn without_a_health_check_the_old_version_is_started_again() {
    let bed = Bed::swarm();
    dies_late(&bed, "");
    assert_eq!(Service::of(&bed.engine, "web").page(), "one");
}

#[test]
fn with_a_health_check_the_old_version_serves_on() {
    let bed = Bed::swarm();
    // It is first asked when it is dead already: until then Swarm keeps the old task.
    let (before, visitor) = dies_late(&bed, "HEALTHCHECK --interval=10s CMD true\n");
    visitor.saw_only("one");
    assert_eq!(Service::of(&bed.engine, "web").container, before.container);
}

/// Lets a version that dies follow one that is live. Returns what was live, and a visitor of it since then.
fn dies_late(bed: &Bed, health_check: &str) -> (Service, Visitor) {
    base_image(&bed.engine, "base");
    let site = Site::at(&bed.site());
    site.publish("one");
    let web = service("web").create_on("bridge");
    let entry = dockerfile("Dockerfile").deploy("live", "site:live", [web]);
    let deployer = Library::start(bed, &[repo(bed.site().to_string_lossy()).docker(entry)]);
    bed.job("docker-service", "ok");
    let before = Service::of(&bed.engine, "web");
    assert_eq!(before.page(), "one");
    let visitor = Visitor::of(&before);

    let dies = "CMD [\"sh\", \"-c\", \"/site & sleep 8; echo out of memory; exit 4\"]";
    let dockerfile = format!("FROM base\nCOPY site page.html /\n{health_check}{dies}\n");
    site.push(&site.commit_dockerfile("two", &dockerfile));

    let job = bed.job("docker-service", "failed (permanent)");
    assert!(job.state.contains("exit code 4") && job.state.contains("the version before"), "{job:?}");
    assert!(bed.ask(["log", &job.id]).contains("out of memory"));
    assert_eq!(Service::of(&bed.engine, "web").image, before.image);
    deployer.stops();
    (before, visitor)
}
