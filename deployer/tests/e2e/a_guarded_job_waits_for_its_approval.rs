//! With `--confirm`, a job at or above the level touches nothing before somebody approves just it.

use crate::support::{Bed, Events, Service, Site};

#[test]
fn a_guarded_job_waits_for_its_approval() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    let mut events = Events::of(&bed.engine);
    site.publish("one");
    let mut deployer = bed.run(["--confirm", "average"]);
    let mut done = |step: &str| -> Vec<String> {
        let done = events.until_now(&bed.engine);
        let mut kinds: Vec<_> =
            done.iter().map(|e| e.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        kinds.dedup();
        assert!(!kinds.is_empty() || step == "nothing", "{step} leaves events");
        kinds
    };

    deployer.hears(["docker-build", "waits for confirmation: `deployer approve "]);
    let build = bed.job("docker-build", "waiting for confirmation");
    assert!(done("nothing").is_empty(), "nothing is built yet");
    assert!(bed.ask(["approve", &build.id]).starts_with("approved "));

    deployer.hears(["docker-push", "waits for confirmation"]);
    assert!(bed.job("docker-build", "ok").id == build.id, "it was the job that waited");
    assert!(bed.ask(["log", &build.id]).contains("Approved by uid 0"));
    assert_eq!(done("a build"), ["image tag"], "it is built, not pushed");
    let push = bed.job("docker-push", "waiting for confirmation");
    // A part of the id will do.
    bed.ask(["approve", push.id.rsplit('-').next().unwrap()]);

    deployer.hears(["docker-service", "waits for confirmation"]);
    let pushed = done("a push");
    assert!(pushed.iter().all(|event| event.starts_with("image ")), "no service is touched: {pushed:?}");
    bed.ask(["approve", "docker-service"]);
    deployer.hears_it_is_live();
    assert!(done("a deployment").contains(&"service create".to_owned()));
    let live = Service::of(&bed.engine, "demo-site");
    assert_eq!(live.page(), "one");

    // The level can be changed while jobs wait.
    let said = bed.ask(["confirm", "dangerous"]);
    assert_eq!(said, "until the deployer restarts, jobs that are dangerous or more wait for confirmation\n");
    site.publish("two");
    deployer.hears(["docker-service", "waits for confirmation"]);
    assert_eq!(Service::of(&bed.engine, "demo-site"), live);
    assert_eq!(bed.ask(["confirm", "none"]), "until the deployer restarts, nothing waits for confirmation\n");
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "two");
    deployer.stops();
}
