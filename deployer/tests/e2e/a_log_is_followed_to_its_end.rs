//! `deployer log -f` shows a build's output while it runs, ends with it, and misses nothing.

use testbed::base_image;

use crate::support::{Bed, Running, Site};

#[test]
fn a_log_is_followed_to_its_end() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let site = Site::at(&bed.site());
    let steps = "FROM base\nRUN for i in 1 2 3; do echo line-$i-of-3; sleep 1; done\nRUN exit 9\n";
    site.push(&site.commit_dockerfile("bad", steps));
    let mut deployer = bed.run([]);
    deployer.hears(["docker-build", ": started"]);
    let job = bed.job("docker-build", "running");

    let mut follower = Running::start(bed.deployer(["log", "-f", &job.id]));
    follower.hears(["line-1-of-3"]);
    assert_eq!(bed.job("docker-build", "running").id, job.id, "it is shown while it runs");
    follower.hears(["line-3-of-3"]);
    let (status, followed) = follower.ends();

    assert!(status.success());
    assert!(followed.contains("Failed (permanent): docker build: step"), "{followed}");
    deployer.hears(["ERROR", "docker-build"]);
    assert_eq!(bed.ask(["log", &job.id]), followed);
    assert_eq!(bed.ask(["log", "-f", &job.id]), followed);
    deployer.stops();
}
