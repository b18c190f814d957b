//! The deployer starts when the Docker engine does not run: at first with nothing done yet, then with everything done.
//! It starts, says so, and goes on when the engine comes.

use crate::support::{End, World};

const TOLD: [&str; 2] = ["can't reach the Docker engine at unix:///", "hint: start it"];

#[test]
fn the_engine_is_not_there_at_the_start() {
    let mut world = World::before_its_start();
    world.engine_ends(End::Stop);
    world.publishes();
    world.starts();
    world.tells(TOLD);
    world.engine_starts();
    world.is_well_again();

    world.stops();
    world.engine_ends(End::Stop);
    world.starts();
    // Nobody knows what runs, so nobody says that it does.
    world.tells(TOLD);
    world.engine_starts();
    world.is_well_again();
    world.publishes();
    world.is_well_again();
    world.ends();
}
