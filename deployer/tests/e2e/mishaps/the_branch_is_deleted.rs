//! Somebody deletes the branch, and pushes it again. What was deployed from it runs on.

use super::{Mishap, Moment, befalls};
use crate::support::World;

/// While nothing is going on.
pub(super) struct Deleted;

/// While a commit on it is being fetched.
pub(super) struct DeletedMeanwhile;

impl Mishap for Deleted {
    fn strikes(&mut self, world: &mut World) {
        world.site.delete_branch();
    }

    fn moment(&self) -> Moment {
        Moment::AtRest
    }

    fn told(&self) -> [&'static str; 2] {
        ["has no branch live", "hint: "]
    }

    fn is_set_right(&mut self, world: &mut World) {
        world.site.push(&world.site.work.head());
    }
}

impl Mishap for DeletedMeanwhile {
    fn moment(&self) -> Moment {
        Moment::After(["git-fetch", "started"])
    }

    fn strikes(&mut self, world: &mut World) {
        Deleted.strikes(world);
    }

    fn told(&self) -> [&'static str; 2] {
        Deleted.told()
    }

    fn is_set_right(&mut self, world: &mut World) {
        Deleted.is_set_right(world);
    }
}

#[test]
fn the_branch_is_deleted() {
    let mut world = World::that_works();
    befalls(&mut world, &mut Deleted);
    befalls(&mut world, &mut DeletedMeanwhile);
    world.ends();
}
