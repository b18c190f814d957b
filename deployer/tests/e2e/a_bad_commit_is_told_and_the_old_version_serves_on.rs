//! Whatever is wrong with a commit: its job says so and why, in one line and in its log, and visitors notice nothing.

use testbed::base_image;

use crate::support::{Bed, Service, Site, Visitor};

#[test]
fn a_missing_dockerfile() {
    let bed = Bed::swarm();
    let log = goes_wrong(&bed, Site::commit_without_dockerfile, "docker-build", &["has no file Dockerfile"]);
    assert!(log.contains("Hint: add it, or change the entry's dockerfile(…)"), "{log}");
}

#[test]
fn a_build_that_fails() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let dockerfile = "FROM base\nRUN echo no such library: libfoo >&2; exit 7\n";
    let commit = |site: &Site| site.commit_dockerfile("bad", dockerfile);
    let log =
        goes_wrong(&bed, commit, "docker-build", &["docker build: step", "exit code 7", "no such library"]);
    assert!(log.contains("no such library: libfoo\n"), "{log}");
}

#[test]
fn an_image_that_exits_at_once() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    // With a health check Swarm keeps the old task until the new one is healthy: nobody notices anything.
    let dockerfile = "FROM base\nHEALTHCHECK --interval=1s CMD [\"true\"]\nCMD [\"sh\", \"-c\", \"echo no database; exit 3\"]\n";
    let commit = |site: &Site| site.commit_dockerfile("bad", dockerfile);
    let log = goes_wrong(&bed, commit, "docker-service", &["exit code 3", "the version before"]);
    assert!(log.contains("no database"), "{log}");
}

/// Lets `commit` follow one that is live. The newest job of `op` must fail with all of `causes`. Returns its log.
fn goes_wrong(bed: &Bed, commit: impl FnOnce(&Site) -> String, op: &str, causes: &[&str]) -> String {
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let before = Service::of(&bed.engine, "demo-site");
    let visitor = Visitor::of(&before);

    site.push(&commit(&site));
    let said = deployer.hears(["ERROR", op]);
    let job = bed.job(op, "failed (permanent)");

    for cause in causes {
        assert!(said.contains(cause), "{said}");
        assert!(job.state.contains(cause), "{job:?}");
    }
    let after = Service::of(&bed.engine, "demo-site");
    assert_eq!((after.image, after.container), (before.image, before.container));
    visitor.saw_only("one");
    // It is as good as before for what comes next.
    site.publish("two");
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "two");
    let log = bed.ask(["log", &job.id]);
    deployer.stops();
    log
}
