//! Somebody forces the branch to where its last commit does not lead.

use std::process::Command;

use crate::support::{Events, World, images_set, world::SERVICE};

/// The repository forgets what no branch leads to.
fn forgets(world: &World) {
    for args in [&["reflog", "expire", "--expire=now", "--all"][..], &["gc", "--quiet", "--prune=now"]] {
        let status = Command::new("git").arg("-C").arg(world.bed.site()).args(args).status();
        assert!(status.unwrap().success(), "git {args:?}");
    }
}

/// The next commit has no parent.
fn begins_anew(world: &mut World) {
    world.site.work.git(["checkout", "-q", "--orphan", &format!("anew-{}", world.newest())]);
}

#[test]
fn to_an_unrelated_one_even_while_the_old_one_is_built() {
    let mut world = World::that_works();
    begins_anew(&mut world);
    world.publishes();
    // What we hold is not there any more: a fetch has nothing to offer that the repository knows.
    forgets(&world);
    world.is_well_again();
    world.publishes();
    world.log().hears(["docker-build", "started"]);
    begins_anew(&mut world);
    world.publishes();
    forgets(&world);
    world.is_well_again();
    world.ends();
}

#[test]
fn to_an_older_commit_which_is_a_rollback() {
    let mut world = World::that_works();
    world.publishes();
    world.is_well_again();
    let built = world.bed.jobs().len();
    // An older page after a newer one is what is wanted here.
    world.stops_counting();
    let mut events = Events::of(&world.bed.engine);
    let mut updates = |world: &World| images_set(&events.until_now(&world.bed.engine), SERVICE).len();

    world.takes_back();
    world.is_well_again();
    assert_eq!(updates(&world), 1);
    let jobs = world.bed.jobs();
    let made = jobs.iter().take(jobs.len() - built).filter(|job| !job.summary.contains(" := "));
    assert_eq!(made.count(), 0, "what was fetched and built before is used again: {jobs:?}");

    world.stops();
    world.starts();
    world.is_well_again();
    assert_eq!(updates(&world), 0, "a restart undoes no rollback");
    world.publishes();
    world.is_well_again();
    assert_eq!(updates(&world), 1);
    world.ends();
}
