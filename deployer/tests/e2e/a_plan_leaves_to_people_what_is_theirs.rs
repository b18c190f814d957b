//! A service that somebody changed: its image is told as what `run` makes of it, and nothing else of it is in a plan,
//! least of all the values of its environment.

use crate::support::{Bed, Planner, Site, eventually};

#[test]
fn a_plan_leaves_to_people_what_is_theirs() {
    let bed = Bed::swarm();
    let mut planner = Planner::of(&bed);
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    deployer.stops();
    let update = |args: &[&str], tasks: usize| {
        // It comes back when Swarm is done with it, but for the end of the tasks before.
        let update = ["service", "update", "-q", "--no-resolve-image"];
        bed.engine.docker([&update[..], args, &["demo-site"]].concat());
        let run = || bed.engine.docker(["ps", "-q"]).lines().count() == tasks;
        eventually(&format!("{tasks} tasks, and no other"), || run().then_some(()));
    };
    let spec = |what: &str| bed.engine.docker(["service", "inspect", "--format", what, "demo-site"]);
    let image = || spec("{{.Spec.TaskTemplate.ContainerSpec.Image}}");
    let live = image();

    // What is not ours is not told.
    update(&["--env-add", "PASSWORD=hunter2", "--replicas", "2"], 2);
    let plan = planner.asks(["--detailed-exitcode"], 0);
    assert!(plan.contains("Nothing to do.") && plan.contains(&format!("it is set to {live}")), "{plan}");

    // The same image by another text is the same.
    let with_tag = live.replacen('@', ":live@", 1);
    update(&["--image", &with_tag], 2);
    let plan = planner.asks(["--detailed-exitcode"], 0);
    assert!(plan.contains(&format!("it is set to {with_tag}")) && !plan.contains("by hand"), "{plan}");

    // Nothing of it runs: that is no step, and is told.
    let containers = bed.engine.docker(["ps", "-q"]);
    update(&["--replicas", "0"], 0);
    // Swarm removes what it took away a moment later.
    eventually("no container of theirs", || {
        let left = bed.engine.docker(["ps", "--all", "-q"]);
        (!containers.lines().any(|id| left.contains(id))).then_some(())
    });
    let plan = planner.asks(["--detailed-exitcode"], 0);
    assert!(plan.contains("service demo-site is scaled to 0") && plan.contains("Nothing to do."), "{plan}");
    update(&["--replicas", "2"], 2);

    // Another image: `run` leaves it, and says so.
    bed.engine.docker(["tag", &live, "theirs"]);
    update(&["--image", "theirs"], 2);
    let plan = planner.asks(["--detailed-exitcode"], 0);
    let told = format!("changed by hand: it is set to {}, not to {live} (hint: it is left so until", image());
    assert!(plan.contains(&told) && plan.contains("theirs"), "{plan}");
    let mut deployer = bed.run([]);
    deployer.hears(["WARN", "service demo-site on local was changed by hand"]);
    assert!(image().starts_with("theirs"));
    deployer.stops();

    // Until the next commit. Only the image would change.
    site.publish("two");
    let said = [planner.asks(["--detailed-exitcode"], 2), planner.asks(["--json"], 0)];
    let changes: Vec<_> =
        said[0].lines().map(str::trim_start).filter(|l| l.starts_with(['-', '+'])).collect();
    let service = changes.iter().position(|line| line.contains("ContainerSpec")).unwrap();
    assert_eq!(changes[service], format!("- TaskTemplate.ContainerSpec.Image: {}", image()));
    assert!(changes[service + 1].starts_with("+ TaskTemplate.ContainerSpec.Image: 127.0.0.1:"));
    assert_eq!(changes.len(), service + 2, "{changes:?}");
    assert!(said.iter().all(|said| !said.contains("hunter2") && !said.contains("PASSWORD")), "{said:?}");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    deployer.stops();
    assert_ne!(image(), live);
    assert_eq!(spec("{{.Spec.Mode.Replicated.Replicas}}"), "2");
    assert_eq!(spec("{{index .Spec.TaskTemplate.ContainerSpec.Env 0}}"), "PASSWORD=hunter2");
}
