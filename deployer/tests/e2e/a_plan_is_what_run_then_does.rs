//! `deployer plan` tells what would be made of what, before the first deployment, after it, and for newer and older
//! commits. What it tells is what `deployer run` then does. Asking writes nothing (see `Planner`).

use std::time::Duration;

use deployer::prelude::*;
use testbed::Registry;

use crate::support::{Bed, Library, Planner, Service, Site, settings};

/// The rest of the one line that begins with `start`.
fn after<'a>(plan: &'a str, start: &str) -> &'a str {
    let mut found = plan.lines().filter_map(|line| line.trim_start().strip_prefix(start));
    let rest = found.next().unwrap_or_else(|| panic!("no line {start:?} in\n{plan}"));
    assert_eq!(found.next(), None, "{start:?} in\n{plan}");
    rest
}

fn has(plan: &str, texts: &[&str]) {
    let mut rest = plan;
    for text in texts {
        rest = rest.split_once(text).unwrap_or_else(|| panic!("no {text:?} in what is left of\n{plan}")).1;
    }
}

#[test]
fn from_nothing_to_a_second_version_and_back() {
    let bed = Bed::swarm();
    let mut planner = Planner::of(&bed);
    let site = Site::at(&bed.site());
    let one = site.publish("one");
    let at = |commit: &str| format!("site@{}", &commit[..8]);

    // Before the first deployment.
    let plan = planner.asks(["--detailed-exitcode"], 2);
    has(&plan, &["demo/site, branch live at ", &one[..8], "\"Page one\"\n"]);
    has(&plan, &["+ git-fetch ", "+ docker-build ", "+ docker-push ", "+ docker-service ", "4 steps to do."]);
    assert_eq!(after(&plan, "+ docker-build "), format!("Dockerfile of {}", at(&one)));
    assert_eq!(after(&plan, "+ docker-push "), "127.0.0.1:PORT/demo/site:live");
    assert_eq!(after(&plan, "+ tag: "), "the image that is built");
    assert_eq!(after(&plan, "+ docker-service "), "demo-site on local");
    let image = after(&plan, "+ TaskTemplate.ContainerSpec.Image: ");
    assert_eq!(image, "127.0.0.1:PORT/demo/site@(what is pushed)");
    assert_eq!(after(&plan, "+ TaskTemplate.Networks.0.Target: "), "bridge");
    assert!(!bed.state().exists());

    // Beside the deployer that has deployed it, and after its end.
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let live = Service::of(&bed.engine, "demo-site");
    let beside = planner.asks(["--detailed-exitcode"], 0);
    has(&beside, &["A deployer runs with this state", "Nothing to do."]);
    deployer.stops();
    let plan = planner.asks(["--detailed-exitcode"], 0);
    has(&beside, &[&plan]);
    assert_eq!(plan.matches(": nothing to do").count(), 4, "{plan}");
    assert_eq!(after(&plan, "it is set to "), live.image);
    let digest = live.image.split_once('@').unwrap().1.to_owned();
    assert_eq!(after(&plan, "the tag stands for "), digest);
    let first = after(&plan, "built before: ").to_owned();

    // A newer commit.
    let two = site.publish("two");
    let plan = planner.asks(["--detailed-exitcode"], 2);
    has(&plan, &["+ git-fetch ", &at(&two), "+ docker-build ", &at(&two), "4 steps to do."]);
    assert_eq!((after(&plan, "- tag: "), after(&plan, "+ tag: ")), (&*digest, "the image that is built"));
    assert_eq!(after(&plan, "- TaskTemplate.ContainerSpec.Image: "), live.image);
    let place = live.image.split_once('@').unwrap().0;
    assert_eq!(after(&plan, "+ TaskTemplate.ContainerSpec.Image: "), format!("{place}@(what is pushed)"));
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    deployer.stops();
    let second = Service::of(&bed.engine, "demo-site");
    assert_ne!(second.image, live.image);
    planner.asks(["--detailed-exitcode"], 0);

    // Back: its image is there.
    site.push(&one);
    let plan = planner.asks([], 0);
    has(&plan, &["= git-fetch ", "= docker-build ", "~ docker-push ", "~ docker-service ", "2 steps to do."]);
    assert_eq!(after(&plan, "built before: "), first);
    assert_eq!(after(&plan, "- tag: "), second.image.split_once('@').unwrap().1);
    assert_eq!(after(&plan, "+ tag: "), format!("image {first}"));
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    deployer.stops();
    assert_eq!(Service::of(&bed.engine, "demo-site").image, live.image);
    let pushed = bed.engine.docker(["inspect", "--format", "{{.Id}}", &format!("{place}:live")]);
    assert_eq!(pushed, first, "what the plan named is what was pushed");
}

#[test]
fn a_service_that_is_added_to_the_table_gets_the_very_image_that_the_plan_names() {
    let bed = Bed::swarm();
    let registry = Registry::start(&bed.engine);
    let mut planner = Planner::of(&bed);
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut settings = settings(&bed);
    settings.registry = Some(registry.address().to_owned());
    let path = bed.site().to_string_lossy().into_owned();
    let table = |services: &[&str], also: &[&str]| {
        let web = |name: &&str| service(*name).create_on("bridge").stable_for(Duration::from_secs(1));
        let image = dockerfile("Dockerfile").deploy("live", "team/site:live", services.iter().map(web));
        vec![repo(&path).docker(also.iter().fold(image, |image, tag| image.deploy("live", *tag, [])))]
    };
    let deployer = Library::start_with(&settings, &table(&[], &[]));
    bed.job("docker-push", "ok");
    deployer.stops();
    let (plan, text) = planner.asks_for(&settings, &table(&[], &[]));
    assert!(!plan.has_changes() && !plan.has_errors(), "{text}");

    let more = table(&["web"], &["team/site:also"]);
    let (plan, text) = planner.asks_for(&settings, &more);
    assert!(plan.has_changes() && !plan.has_errors(), "{text}");
    has(
        &text,
        &["= docker-push", "+ docker-service web on local", "+ docker-push", "team/site:also", "2 steps"],
    );
    let image = after(&text, "+ TaskTemplate.ContainerSpec.Image: ").to_owned();
    assert!(image.starts_with(&format!("{}/team/site@sha256:", registry.address())), "{image}");
    let built = after(&text, "+ tag: image ").to_owned();
    let deployer = Library::start_with(&settings, &more);
    bed.job("docker-service", "ok");
    bed.job_for("docker-push", ":also", "ok");
    deployer.stops();
    assert_eq!(Service::of(&bed.engine, "web").image, image);
    let also = format!("{}/team/site:also", registry.address());
    assert_eq!(bed.engine.docker(["inspect", "--format", "{{.Id}}", &also]), built);

    // Somebody moves the tag, in the registry.
    testbed::base_image(&bed.engine, "theirs");
    bed.engine.docker(["tag", "theirs", &also]);
    let moved = bed.engine.docker(["push", &also]);
    let moved = moved.split_ascii_whitespace().find(|word| word.starts_with("sha256:")).unwrap().to_owned();
    let (_, text) = planner.asks_for(&settings, &more);
    has(&text, &["~ docker-push", ":also", "does not stand any more", "- tag: ", &moved, "1 step to do."]);

    // A commit that two entries need is fetched and built once.
    site.publish("two");
    let (_, text) = planner.asks_for(&settings, &more);
    assert_eq!(text.matches(": as above").count(), 2, "{text}");
    has(&text, &["+ git-fetch", "+ docker-build", "= git-fetch", "= docker-build", "5 steps to do."]);

    drop(registry);
    let (plan, text) = planner.asks_for(&settings, &more);
    assert!(plan.has_errors(), "{text}");
    has(&text, &["! docker-push", "connection refused", "2 entries with an error."]);
}
