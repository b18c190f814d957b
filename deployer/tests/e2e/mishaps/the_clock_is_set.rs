//! Somebody sets the machine's clock, forward by years and back again. What is newest stays newest, what waits goes on
//! waiting no longer than it would have, and a person's word counts.

use testbed::GitServing;

use crate::support::{Clock, World, eventually};

/// The newest commit is deployed, and every page says so.
fn goes_on(world: &mut World) {
    let commit = world.publishes();
    world.is_well_again();
    is_newest(world, &commit);
}

fn is_newest(world: &World, commit: &str) {
    let newest = world.bed.jobs().remove(0);
    assert!(newest.id.contains("docker-service"), "{newest:?}");
    let overview = world.page_at("/");
    assert!(overview.contains(&commit[..12]), "what runs is {commit}, and not told: {overview}");
    let page = world.page_at(&format!("/jobs/{}", newest.id));
    assert!(page.contains(&newest.summary), "{page}");
}

#[test]
fn the_clock_is_set() {
    let mut world = World::before_its_start();
    let server = world.is_served();
    let clock = Clock::of(&mut world);
    world.starts();
    goes_on(&mut world);
    let year = |world: &World| world.bed.jobs()[0].id[..4].to_owned();
    let this_year = year(&world);
    clock.is_off_by("+2y");
    goes_on(&mut world);
    assert_ne!(year(&world), this_year, "the clock is not set");

    // Between two tries.
    server.serve(GitServing::CutPack);
    let commit = world.publishes();
    world.log().hears(["git-fetch", "it is tried again"]);
    clock.is_off_by("-1h");
    let waits = world.bed.job("git-fetch", "tried again in ").state;
    let seconds = waits.split("tried again in ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(seconds.parse::<u64>().unwrap() <= 60, "{waits}");
    server.serve(GitServing::Well);
    world.is_well_again();
    is_newest(&world, &commit);

    // Before a person answers, and between two starts.
    clock.is_off_by("+2y");
    world.bed.ask(["confirm", "dangerous"]);
    let commit = world.publishes();
    let job = world.bed.job("docker-service", "waiting for confirmation").id;
    clock.is_off_by("-1h");
    world.bed.ask(["approve", &job]);
    world.is_well_again();
    is_newest(&world, &commit);
    world.stops();
    clock.is_off_by("-2h");
    world.starts();
    world.is_well_again();
    is_newest(&world, &commit);

    let said = String::from_utf8_lossy(&world.log().said()).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    let mut ids: Vec<_> = world.bed.jobs().into_iter().map(|job| job.id).collect();
    let listed = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), listed);
    eventually("a list of all jobs", || world.page_at("/jobs").contains(&ids[0]).then_some(()));
    world.ends();
}
