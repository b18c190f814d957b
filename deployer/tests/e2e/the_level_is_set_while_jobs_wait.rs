//! The level of a running `deployer local` can be lowered and raised; or it is lifted after a time, but not against a
//! person who has set it.

use crate::support::{Bed, Events, Running, Service, Site};

const ALL_DONE: &str = "Everything is as the table says.";

#[test]
fn by_a_person() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut local = Running::start(bed.deployer(["local", "--confirm=harmless"]));
    local.hears(["would fetch site@"]);
    bed.ask(["confirm", "dangerous"]);
    local.hears(["would update service demo-site on local (127.0.0.1:"]);
    assert_eq!(bed.engine.docker(["service", "ls", "-q"]), "");
    bed.ask(["confirm", "none"]);
    local.hears([ALL_DONE]);
    let live = Service::of(&bed.engine, "demo-site");
    assert_eq!(live.page(), "one");

    bed.ask(["confirm", "harmless"]);
    let mut events = Events::of_everything(&bed.engine);
    let two = site.publish("two");
    local.hears(["would fetch site@", &two[..8]]);
    bed.ask(["confirm", "average"]);
    local.hears(["would build Dockerfile of site@", &two[..8]]);
    assert_eq!(events.until_now(&bed.engine), [""; 0]);
    assert_eq!(Service::of(&bed.engine, "demo-site"), live);
    bed.ask(["confirm", "none"]);
    local.hears([ALL_DONE]);
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "two");
    local.stops();
}

#[test]
fn by_the_time() {
    let bed = Bed::swarm();
    Site::at(&bed.site()).publish("one");
    let mut local = Running::start(bed.deployer(["local", "--confirm-auto-release=3s"]));
    local.hears(["After 3 s everything starts by itself"]);
    local.hears(["would fetch site@"]);
    local.hears(["nothing waits for confirmation any more"]);
    local.hears([ALL_DONE]);
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "one");
    assert!(!bed.ask(["log", "docker-service"]).contains("Approved"), "nobody approved it");
    local.stops();
}

#[test]
fn but_not_by_the_time_once_a_person_has() {
    let bed = Bed::swarm();
    Site::at(&bed.site()).publish("one");
    let mut command = bed.deployer(["local", "--confirm-auto-release=1h"]);
    command.env("RUST_LOG", "deployer=info");
    let mut local = Running::start(command);
    local.hears(["would fetch site@"]);
    bed.ask(["confirm", "harmless"]);
    local.hears(["the confirmation level was set by a person: it is not released"]);
    assert!(bed.job("git-fetch", "waiting for confirmation").state.contains("waiting"));
    local.stops();
}
