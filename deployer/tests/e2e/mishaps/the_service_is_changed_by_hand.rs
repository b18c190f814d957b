//! Somebody changes the service behind the deployer's back: that is told, and left to them; the next commit is deployed
//! as ever.

use testbed::base_image;

use super::{Mishap, Moment, befalls};
use crate::support::{SERVICE, Service, World, eventually};

/// Scaled to nothing, and back.
pub(super) struct ScaledToNothing;

impl Mishap for ScaledToNothing {
    fn strikes(&mut self, world: &mut World) {
        world.bed.engine.docker(["service", "scale", "--detach", "site=0"]);
    }

    fn moment(&self) -> Moment {
        Moment::AtRest
    }

    fn told(&self) -> [&'static str; 2] {
        ["service site is scaled to 0", "hint: "]
    }

    fn is_set_right(&mut self, world: &mut World) {
        world.bed.engine.docker(["service", "scale", "--detach", "site=1"]);
    }

    fn spares_what_runs(&self) -> bool {
        false
    }
}

#[test]
fn it_is_scaled_to_nothing() {
    let mut world = World::that_works();
    befalls(&mut world, &mut ScaledToNothing);
    world.ends();
}

/// A commit that comes meanwhile waits, and is deployed by itself when the service is scaled up again.
#[test]
fn it_is_scaled_to_nothing_before_a_commit() {
    let mut world = World::that_works();
    ScaledToNothing.strikes(&mut world);
    world.tells(ScaledToNothing.told());
    world.publishes();
    world.log().hears(["docker-push", "done"]);
    // That is told of the commit's job: of the service it has been told before.
    world.log().hears(["docker-service", "service site is scaled to 0"]);
    world.tells_still(ScaledToNothing.told());
    ScaledToNothing.is_set_right(&mut world);
    world.is_well_again();
    world.ends();
}

fn set_image(world: &World, image: &str) {
    let update = ["service", "update", "-q", "--detach", "--no-resolve-image", "--image", image, SERVICE];
    world.bed.engine.docker(update);
}

fn image(world: &World) -> String {
    let format = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
    world.bed.engine.docker(["service", "inspect", "--format", format, SERVICE])
}

/// Another image; and back, when the warning goes. Once more, when the next commit replaces it.
#[test]
fn it_is_set_to_another_image() {
    let mut world = World::that_works();
    world.stops_counting();
    let ours = Service::of(&world.bed.engine, SERVICE).image;
    let theirs = theirs(&world);

    set_image(&world, &theirs);
    world.tells(["was changed by hand: it is set to theirs", "hint: it is left so"]);
    assert_eq!(image(&world), theirs, "it is not fought over");
    set_image(&world, &ours);
    world.log().hears(["docker-service", "as it should be again"]);
    world.is_well_again();

    set_image(&world, &theirs);
    world.tells(["was changed by hand: it is set to theirs", "hint: it is left so"]);
    world.publishes();
    world.is_well_again();
    world.ends();
}

/// An image that is not of the repository, and stays up.
fn theirs(world: &World) -> String {
    let ours = Service::of(&world.bed.engine, SERVICE).image;
    world.bed.engine.docker(["tag", &ours, "theirs:1"]);
    "theirs:1".to_owned()
}

#[test]
fn another_image_is_set_in_the_middle_of_an_update() {
    let mut world = World::that_works();
    world.stops_counting();
    let theirs = theirs(&world);
    world.publishes();
    world.log().hears(["docker", "what=POST /services/", "/update", "close"]);
    set_image(&world, &theirs);
    world.tells(["changed by hand meanwhile: it is now set to theirs", "hint: it is left so"]);
    assert_eq!(image(&world), theirs);
    world.publishes();
    world.is_well_again();
    world.ends();
}

#[test]
fn other_things_are_changed_in_the_middle_of_an_update() {
    let mut world = World::that_works();
    world.publishes();
    world.log().hears(["docker", "what=POST /services/", "/update", "close"]);
    let update =
        ["service", "update", "-q", "--detach", "--env-add", "COLOUR=green", "--replicas", "2", SERVICE];
    world.bed.engine.docker(update);
    world.log().hears(["docker-service", "done"]);
    let spec = "{{.Spec.TaskTemplate.ContainerSpec.Env}} {{.Spec.Mode.Replicated.Replicas}}";
    let spec = || world.bed.engine.docker(["service", "inspect", "--format", spec, SERVICE]);
    assert_eq!(spec(), "[COLOUR=green] 2", "what others changed is theirs");
    let running =
        ["service", "ps", "--filter", "desired-state=running", "--format", "{{.Image}} {{.CurrentState}}"];
    let image = image(&world);
    let named = image.split_once('@').unwrap().0.to_owned();
    eventually("two tasks", || {
        let tasks = world.bed.engine.docker(running.into_iter().chain([SERVICE]));
        let good = |task: &str| task.starts_with(&named) && task.contains("Running");
        (tasks.lines().count() == 2 && tasks.lines().all(good)).then_some(())
    });
    world.bed.engine.docker(["service", "scale", "--detach", "site=1"]);
    world.is_well_again();
    world.ends();
}

#[test]
fn it_is_removed_in_the_middle_of_an_update() {
    let mut world = World::that_works();
    world.publishes();
    world.log().hears(["docker", "what=POST /services/", "/update", "close"]);
    world.bed.engine.docker(["service", "rm", SERVICE]);
    world.log().hears(["service site: somebody removed it during the update"]);
    world.log().hears(["docker-service", "done"]);
    world.is_well_again();
    world.ends();
}

/// Only that what is pinned is compared: the base image serves nothing.
#[test]
fn a_service_that_was_changed_while_the_deployer_was_down_is_told_at_its_start() {
    let mut world = World::that_works();
    world.stops_counting();
    base_image(&world.bed.engine, "unused");
    let ours = Service::of(&world.bed.engine, SERVICE).image;
    let theirs = theirs(&world);
    world.stops();
    set_image(&world, &theirs);
    world.starts();
    world.tells(["was changed by hand: it is set to theirs", "hint: it is left so"]);
    set_image(&world, &ours);
    world.is_well_again();
    world.ends();
}
