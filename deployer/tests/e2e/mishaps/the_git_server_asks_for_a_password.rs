//! The Git server lets nobody in without a password that we do not have.

use testbed::{GitServer, GitServing};

use super::{Mishap, befalls};
use crate::support::World;

struct Closed(GitServer);

impl Mishap for Closed {
    fn strikes(&mut self, _: &mut World) {
        self.0.serve(GitServing::AskForPassword);
    }

    fn told(&self) -> [&'static str; 2] {
        ["does not let this machine in: ", "hint: give this machine access"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.0.serve(GitServing::Well);
    }
}

#[test]
fn the_git_server_asks_for_a_password() {
    let (mut world, server) = World::with_a_git_server();
    befalls(&mut world, &mut Closed(server));
    world.ends();
}
