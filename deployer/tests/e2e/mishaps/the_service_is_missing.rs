//! Nobody has made the service yet, or somebody removed it.

use super::{Mishap, Moment, befalls};
use crate::support::{SERVICE, Service, World};

/// Somebody removes it while nothing is to be done, and makes it again.
#[derive(Default)]
pub(super) struct Removed {
    image: String,
}

impl Mishap for Removed {
    fn strikes(&mut self, world: &mut World) {
        self.image = Service::of(&world.bed.engine, SERVICE).image;
        world.bed.engine.docker(["service", "rm", SERVICE]);
    }

    fn moment(&self) -> Moment {
        Moment::AtRest
    }

    fn told(&self) -> [&'static str; 2] {
        ["service site on local is gone: somebody removed it", "hint: "]
    }

    fn is_set_right(&mut self, world: &mut World) {
        // As the deployer would: what befalls it next finds no other service.
        let order = ["--update-order", "start-first", "--update-monitor", "1s"];
        let how = ["--detach", "--name", SERVICE, "--network", "bridge", &self.image];
        world.bed.engine.docker(["service", "create", "-q"].into_iter().chain(order).chain(how));
    }

    fn spares_what_runs(&self) -> bool {
        false
    }
}

#[test]
fn the_service_is_removed() {
    let mut world = World::that_works();
    befalls(&mut world, &mut Removed::default());
    world.ends();
}

#[test]
fn the_service_is_missing() {
    let mut world = World::before_its_start();
    world.table = world.table.replace(" bridge", "");
    world.starts();
    world.publishes();
    let told = world.log().hears(["there is no service site", "hint: create it: "]);
    world.tells_still(["there is no service site", "docker service create --name site "]);
    let command = told.split_once("hint: create it: ").unwrap().1;
    let command = command.split_once(')').unwrap().0.to_owned();
    // It is tried again and again, and remains one job.
    world.log().hears(["what=GET /services/site", ": new"]);
    let waiting = world.bed.job("docker-service", "there is no service site");
    assert_eq!(world.bed.jobs().iter().filter(|job| job.id.contains("docker-service")).count(), 1);

    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[0], "docker", "{command}");
    world.bed.engine.docker(&words[1..]);
    world.is_well_again();
    let done = world.bed.job("docker-service", "ok");
    assert_eq!(done.id, waiting.id);
    world.ends();
}

/// A newer commit does not queue up behind the one that waits.
#[test]
fn a_newer_commit_takes_the_place_of_one_that_waits() {
    let mut world = World::before_its_start();
    world.table = world.table.replace(" bridge", "");
    world.starts();
    world.publishes();
    world.log().hears(["there is no service site"]);
    world.publishes();
    let newest = world.newest();
    world.log().hears(["docker-push", "done"]);
    let told = world.log().hears(["there is no service site"]);
    let command =
        told.split_once("hint: create it: docker ").unwrap().1.split_once(')').unwrap().0.to_owned();
    world.bed.engine.docker(command.split(' '));
    world.is_well_again();
    world.serves(&newest);
    world.ends();
}
