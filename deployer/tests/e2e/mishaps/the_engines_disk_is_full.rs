//! The Docker engine has no space left when a commit comes. That is no fault of the build; the version before serves on,
//! and when there is space again the commit is built and served.

use super::{Mishap, befalls};
use crate::support::{Ballast, Bed, World};

/// Enough for a Swarm and a few images.
const DATA_BYTES: u64 = 400 << 20;

#[derive(Default)]
struct Full {
    ballast: Option<Ballast>,
}

impl Mishap for Full {
    fn strikes(&mut self, world: &mut World) {
        self.ballast = Some(Ballast::on(&world.bed.engine.dir().join("data")));
    }

    fn told(&self) -> [&'static str; 2] {
        ["no space left on device", "hint: free space on the engine's disk"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.ballast = None;
    }
}

#[test]
fn the_engines_disk_is_full() {
    let mut world = World::around(Bed::small_swarm(DATA_BYTES));
    world.starts();
    world.publishes();
    world.is_well_again();
    befalls(&mut world, &mut Full::default());
    world.ends();
}
