//! The Git server takes questions and never answers.

use testbed::{GitServer, GitServing};

use super::{Mishap, befalls};
use crate::support::World;

struct Hanging(GitServer);

impl Mishap for Hanging {
    fn strikes(&mut self, _: &mut World) {
        self.0.serve(GitServing::Hang);
    }

    fn told(&self) -> [&'static str; 2] {
        ["does not answer: ", "hint: it is asked again by itself"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        // Somebody starts it anew: what hung is cut.
        self.0.serve(GitServing::Well);
        self.0.stop();
        self.0.start();
    }
}

#[test]
fn the_git_server_hangs() {
    let (mut world, server) = World::with_a_git_server();
    befalls(&mut world, &mut Hanging(server));
    world.ends();
}
