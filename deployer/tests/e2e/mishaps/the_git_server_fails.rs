//! The Git server answers every question with an error.

use testbed::{GitServer, GitServing};

use super::{Mishap, befalls};
use crate::support::World;

struct Failing(GitServer);

impl Mishap for Failing {
    fn strikes(&mut self, _: &mut World) {
        self.0.serve(GitServing::Fail);
    }

    fn told(&self) -> [&'static str; 2] {
        ["error: 503", "hint: it is asked again by itself"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.0.serve(GitServing::Well);
    }
}

#[test]
fn the_git_server_fails() {
    let (mut world, server) = World::with_a_git_server();
    befalls(&mut world, &mut Failing(server));
    world.ends();
}
