//! Somebody moves the repository away, and puts it back.

use std::fs;
use std::path::PathBuf;

use super::{Mishap, Moment, befalls};
use crate::support::World;

pub(super) struct Gone;

impl Gone {
    fn elsewhere(world: &World) -> PathBuf {
        world.bed.site().with_extension("moved")
    }
}

impl Mishap for Gone {
    fn strikes(&mut self, world: &mut World) {
        fs::rename(world.bed.site(), Self::elsewhere(world)).unwrap();
    }

    fn moment(&self) -> Moment {
        Moment::AtRest
    }

    fn told(&self) -> [&'static str; 2] {
        ["no Git repository", "hint: "]
    }

    fn is_set_right(&mut self, world: &mut World) {
        fs::rename(Self::elsewhere(world), world.bed.site()).unwrap();
    }
}

#[test]
fn the_repository_is_gone() {
    let mut world = World::that_works();
    befalls(&mut world, &mut Gone);
    world.ends();
}
