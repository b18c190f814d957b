//! The Git server is stopped, somebody commits, and it is started again.

use testbed::GitServer;

use super::{Mishap, befalls};
use crate::support::World;

struct Down(GitServer);

impl Mishap for Down {
    fn strikes(&mut self, _: &mut World) {
        self.0.stop();
    }

    fn told(&self) -> [&'static str; 2] {
        ["can't be read: ", "hint: it is asked again by itself"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.0.start();
    }
}

#[test]
fn the_git_server_is_down() {
    let (mut world, server) = World::with_a_git_server();
    befalls(&mut world, &mut Down(server));
    world.ends();
}
