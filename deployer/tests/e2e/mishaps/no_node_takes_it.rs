//! Swarm has no node for the service's tasks: nothing is touched, or all is set back, and it goes on when there is one.

use super::{Mishap, Moment, befalls};
use crate::support::{SERVICE, World};

/// Somebody asks for a node that there is not. The old task serves on.
pub(super) struct Constrained;

impl Mishap for Constrained {
    fn strikes(&mut self, world: &mut World) {
        let constrain =
            ["service", "update", "-q", "--detach", "--constraint-add", "node.labels.disk==fast", SERVICE];
        world.bed.engine.docker(constrain);
    }

    fn told(&self) -> [&'static str; 2] {
        ["finds no node: no suitable node (scheduling constraints", "hint: "]
    }

    fn is_set_right(&mut self, world: &mut World) {
        let free =
            ["service", "update", "-q", "--detach", "--constraint-rm", "node.labels.disk==fast", SERVICE];
        world.bed.engine.docker(free);
    }
}

/// The only node is drained. That ends what runs there.
pub(super) struct Drained;

impl Drained {
    fn set(world: &World, availability: &str) {
        let node = world.bed.engine.docker(["node", "ls", "-q"]);
        world.bed.engine.docker(["node", "update", "--availability", availability, &node]);
    }
}

impl Mishap for Drained {
    fn strikes(&mut self, world: &mut World) {
        Self::set(world, "drain");
    }

    fn told(&self) -> [&'static str; 2] {
        ["finds no node: no suitable node (1 node not available", "hint: "]
    }

    fn is_set_right(&mut self, world: &mut World) {
        Self::set(world, "active");
    }

    fn spares_what_runs(&self) -> bool {
        false
    }
}

#[test]
fn its_constraints_fit_no_node() {
    let mut world = World::that_works();
    befalls(&mut world, &mut Constrained);
    world.ends();
}

#[test]
fn its_node_is_drained() {
    let mut world = World::that_works();
    befalls(&mut world, &mut Drained);
    world.ends();
}

/// The update has been made when the node it would take is lost: it is taken back, and made again.
struct ConstrainedMeanwhile;

impl Mishap for ConstrainedMeanwhile {
    fn strikes(&mut self, world: &mut World) {
        Constrained.strikes(world);
    }

    fn moment(&self) -> Moment {
        Moment::After(["/update}", "close"])
    }

    fn told(&self) -> [&'static str; 2] {
        Constrained.told()
    }

    fn is_set_right(&mut self, world: &mut World) {
        Constrained.is_set_right(world);
    }

    /// Swarm may be through with the update by then.
    fn spares_what_runs(&self) -> bool {
        false
    }
}

#[test]
fn its_constraints_fit_no_node_in_the_middle_of_an_update() {
    let mut world = World::that_works();
    world.stops_counting();
    befalls(&mut world, &mut ConstrainedMeanwhile);
    world.ends();
}
