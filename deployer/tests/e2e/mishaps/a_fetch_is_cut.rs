//! The connection breaks in the middle of a fetch, again and again. The branch can be read meanwhile.

use testbed::{GitServer, GitServing};

use super::{Mishap, befalls};
use crate::support::World;

struct Cut(GitServer);

impl Mishap for Cut {
    fn strikes(&mut self, _: &mut World) {
        self.0.serve(GitServing::CutPack);
    }

    fn told(&self) -> [&'static str; 2] {
        ["can't be read: ", "hint: it is asked again by itself"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.0.serve(GitServing::Well);
    }
}

#[test]
fn a_fetch_is_cut() {
    let (mut world, server) = World::with_a_git_server();
    befalls(&mut world, &mut Cut(server));
    world.ends();
}
