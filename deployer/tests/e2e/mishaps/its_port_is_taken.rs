//! Somebody lets the service publish a port of its node that another container holds.

use super::{Mishap, befalls};
use crate::support::{SERVICE, Service, World};

#[derive(Default)]
pub(super) struct Taken;

const HOLDER: &str = "holder";
const PORT: &str = "mode=host,published=17777,target=8080";

impl Mishap for Taken {
    fn strikes(&mut self, world: &mut World) {
        let engine = &world.bed.engine;
        let image = Service::of(engine, SERVICE).image;
        engine.docker(["run", "--detach", "--name", HOLDER, "--publish", "17777:8080", &image]);
        engine.docker(["service", "update", "-q", "--detach", "--publish-add", PORT, SERVICE]);
    }

    fn told(&self) -> [&'static str; 2] {
        ["can't have its port: Bind for 0.0.0.0:17777 failed", "hint: free the port"]
    }

    fn is_set_right(&mut self, world: &mut World) {
        let engine = &world.bed.engine;
        engine.docker(["service", "update", "-q", "--detach", "--publish-rm", PORT, SERVICE]);
        engine.docker(["rm", "--force", HOLDER]);
    }
}

#[test]
fn its_port_is_taken() {
    let mut world = World::that_works();
    befalls(&mut world, &mut Taken);
    world.ends();
}
