//! The Docker engine loses its power, or is stopped in order, before a commit and in the middle of each step; and comes
//! back. The commit is served in the end, by itself: what the engine took down with it is not called bad.

use super::{Mishap, Moment, befalls};
use crate::support::{End, World};

#[derive(Clone, Copy)]
pub(super) struct Away {
    end: End,
    at: At,
}

#[derive(Clone, Copy)]
enum At {
    Rest,
    Fetch,
    Build,
    Step,
    Push,
    Update,
    Watch,
}

impl Away {
    /// One of each moment, the ends in turn.
    pub(super) fn all() -> Vec<Self> {
        let moments = [At::Rest, At::Fetch, At::Build, At::Step, At::Push, At::Update, At::Watch];
        let ends = [End::PowerCut, End::Stop].into_iter().cycle();
        moments.into_iter().zip(ends).map(|(at, end)| Self { end, at }).collect()
    }
}

impl Mishap for Away {
    fn strikes(&mut self, world: &mut World) {
        world.engine_ends(self.end);
    }

    fn told(&self) -> [&'static str; 2] {
        ["can't reach the Docker engine at unix:///", "hint: start it"]
    }

    fn is_set_right(&mut self, world: &mut World) {
        world.engine_starts();
    }

    fn moment(&self) -> Moment {
        match self.at {
            At::Rest => Moment::BeforeACommit,
            At::Fetch => Moment::After(["git-fetch", ": started"]),
            At::Build => Moment::After(["docker-build", ": started"]),
            // When the step that sleeps is under way.
            At::Step => Moment::After(["what=build ci/", ": new"]),
            At::Push => Moment::After(["what=push ", ": new"]),
            At::Update => Moment::After(["what=POST /services/", ": new"]),
            At::Watch => Moment::After(["what=POST /services/", ": close"]),
        }
    }

    fn spares_what_runs(&self) -> bool {
        false
    }
}

/// It is served after each end.
fn befalls_in_both_ways(at: At) {
    let mut world = World::that_works();
    for end in [End::PowerCut, End::Stop] {
        befalls(&mut world, &mut Away { end, at });
    }
    world.ends();
}

#[test]
fn before_a_commit() {
    befalls_in_both_ways(At::Rest);
}

#[test]
fn while_the_commit_is_fetched() {
    befalls_in_both_ways(At::Fetch);
}

#[test]
fn as_the_build_begins() {
    befalls_in_both_ways(At::Build);
}

#[test]
fn while_it_builds() {
    befalls_in_both_ways(At::Step);
}

#[test]
fn while_it_pushes() {
    befalls_in_both_ways(At::Push);
}

#[test]
fn as_the_service_is_updated() {
    befalls_in_both_ways(At::Update);
}

#[test]
fn while_the_new_task_is_watched() {
    befalls_in_both_ways(At::Watch);
}
