//! The disk of the state directory is full when a commit comes. Nothing new starts, what runs is untouched, nothing is
//! torn; when there is space again all goes on.

use super::{Mishap, befalls};
use crate::support::{Ballast, World};

/// Enough for a few images.
const STATE_BYTES: u64 = 96 << 20;

#[derive(Default)]
struct Full {
    ballast: Option<Ballast>,
}

impl Mishap for Full {
    fn strikes(&mut self, world: &mut World) {
        self.ballast = Some(Ballast::on(&world.bed.state()));
    }

    fn told(&self) -> [&'static str; 2] {
        // By the fetch, or by the journal: that has room for a little more in its last block.
        ["No space left on device", "hint: free "]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.ballast = None;
    }
}

#[test]
fn the_disk_of_the_state_directory_is_full() {
    let mut world = World::before_its_start();
    // Below the engine's own folder, and unmounted with it.
    world.bed.engine.small_disk("work/state", STATE_BYTES);
    world.starts();
    world.publishes();
    world.is_well_again();
    befalls(&mut world, &mut Full::default());
    let said = String::from_utf8_lossy(&world.log().said()).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    world.ends();
}
