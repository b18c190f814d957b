//! Two repositories, two services, one deployer.

use deployer::prelude::*;

use crate::support::{Bed, Library, Service, Site, eventually};

#[test]
fn a_broken_entry_does_not_hold_up_the_others() {
    let bed = Bed::swarm();
    let (good, bad) = (Site::at(&bed.home().join("good")), Site::at(&bed.home().join("bad")));
    good.publish("good-1");
    bad.publish("bad-1");
    let entry = |name: &str| {
        let web = service(name).create_on("bridge").stable_for(std::time::Duration::from_secs(1));
        let path = bed.home().join(name);
        repo(path.to_string_lossy()).docker(dockerfile("Dockerfile").deploy(
            "live",
            format!("{name}:live"),
            [web],
        ))
    };
    let deployer = Library::start(&bed, &[entry("bad"), entry("good")]);
    bed.job_for("docker-service", "good on local", "ok");
    bed.job_for("docker-service", "bad on local", "ok");

    let broken = bad.commit_dockerfile("bad-2", "FROM scratch\nCOPY not-there /\n");
    bad.push(&broken);
    let job = bed.job_for("docker-build", &broken[..8], "failed (permanent)");
    assert!(job.state.contains("not-there"), "{job:?}");
    let two = good.publish("good-2");
    bed.job_for("docker-build", &two[..8], "ok");

    eventually("the other entry's next version", || {
        (Service::of(&bed.engine, "good").page() == "good-2").then_some(())
    });
    assert_eq!(Service::of(&bed.engine, "bad").page(), "bad-1");
    let three = bad.publish("bad-3");
    bed.job_for("docker-build", &three[..8], "ok");
    eventually("the broken entry's next version", || {
        (Service::of(&bed.engine, "bad").page() == "bad-3").then_some(())
    });
    deployer.stops();
}
