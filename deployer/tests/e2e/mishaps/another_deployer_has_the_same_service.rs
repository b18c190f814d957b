//! Two deployers, each with a state directory of its own, set the same service. Each writes when its own input changes, and
//! at no other time: there is no war, and who is not served any more is told.

use std::path::PathBuf;

use ci_core::store::Store;

use crate::support::world::SERVICE;
use crate::support::{Ended, Events, Running, World, eventually, images_set};

/// A deployer with the same table and another state directory.
struct Other {
    state: PathBuf,
    runs: Running,
}

impl Other {
    fn starts(world: &World) -> Self {
        let state = world.bed.home().join("other");
        let mut command =
            world.bed.program(env!("CARGO_BIN_EXE_deployer-of-tests"), ["run", "--listen", "none"]);
        command.env("DEPLOYER_STATE", &state).env("TABLE", &world.table).env("RUST_LOG", "info");
        let mut runs = Running::start(command);
        runs.hears(["the deployer runs"]);
        Self { state, runs }
    }

    fn status(&self, world: &World) -> Ended {
        let mut command = world.bed.deployer(["status"]);
        command.env("DEPLOYER_STATE", &self.state);
        Ended::of(command.output().unwrap())
    }
}

fn is_at_rest(status: &Ended) -> bool {
    let moves = ["queued", "running", "retrying", "waits", "waiting"];
    status.status.success()
        && !status.out.is_empty()
        && status.out.lines().all(|line| !moves.iter().any(|state| line.contains(&format!("  {state}"))))
}

#[test]
fn another_deployer_has_the_same_service() {
    let mut world = World::that_works();
    world.stops_counting();
    let mut events = Events::of(&world.bed.engine);
    let mut updates = |world: &World| images_set(&events.until_now(&world.bed.engine), SERVICE).len();

    let mut other = Other::starts(&world);
    other.runs.hears(["docker-service", ": done job="]);
    assert_eq!(updates(&world), 1, "who comes new takes the service over, once");
    world.serves("1");

    // The first is told, and leaves it: its own input has not changed.
    world.stops();
    world.starts();
    world.log().hears([
        "WARN",
        "service site on local was changed by hand: it is set to ",
        "it is left so until",
    ]);
    assert_eq!(updates(&world), 0);

    for _ in 0..2 {
        let commit = world.publishes();
        let short = &commit[..8];
        world.log().hears([&format!("site@{short}")]);
        other.runs.hears([&format!("site@{short}")]);
        world.serves(&world.newest());
        eventually("two deployers that have nothing to do", || {
            let first = world.bed.tell(["status"]);
            (is_at_rest(&first) && is_at_rest(&other.status(&world))).then_some(())
        });
        world.serves(&world.newest());
        let done = updates(&world);
        assert!((1..=2).contains(&done), "each writes at most once for a commit: {done}");
    }
    // Neither does anything at a restart.
    other.runs.stops();
    world.stops();
    world.starts();
    let other = Other::starts(&world);
    eventually("two deployers that have nothing to do", || {
        let first = world.bed.tell(["status"]);
        (is_at_rest(&first) && is_at_rest(&other.status(&world))).then_some(())
    });
    assert_eq!(updates(&world), 0);
    other.runs.stops();
    let store = Store::open(&other.state).unwrap();
    assert!(store.open_intents().is_empty() && store.damage().is_empty());
    store.close();
    world.ends();
}
