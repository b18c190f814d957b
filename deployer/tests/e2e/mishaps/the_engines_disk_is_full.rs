//! The Docker engine has no space left when a commit comes. That is no fault of the build; the version before serves on,
//! and when there is space again the commit is built and served. Where it is known how much there is to be, builds wait for
//! it and do not fail.

use deployer::prelude::*;

use super::{Mishap, befalls};
use crate::support::{Ballast, Bed, Library, Site, World, settings};

/// Enough for a Swarm and a few images.
const DATA_BYTES: u64 = 400 << 20;

#[derive(Default)]
struct Full {
    ballast: Option<Ballast>,
}

impl Mishap for Full {
    fn strikes(&mut self, world: &mut World) {
        self.ballast = Some(Ballast::on(&world.bed.engine.dir().join("data")));
    }

    fn told(&self) -> [&'static str; 2] {
        ["no space left on device", "hint: free space on the engine's disk"]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.ballast = None;
    }
}

#[test]
fn the_engines_disk_is_full() {
    let mut world = World::around(Bed::small_swarm(DATA_BYTES));
    world.starts();
    world.publishes();
    world.is_well_again();
    befalls(&mut world, &mut Full::default());
    world.ends();
}

#[test]
fn builds_wait_for_the_space_that_they_are_to_have() {
    let bed = Bed::small_swarm(DATA_BYTES);
    let data = bed.engine.dir().join("data");
    let mut settings = settings(&bed);
    (settings.docker_data, settings.free_bytes) = (data.clone(), 50_000_000);
    let site = |name: &str| {
        let site = Site::at(&bed.home().join(name));
        site.push(
            &site.commit_dockerfile(name, &format!("FROM scratch\nLABEL of={name}\nCOPY Dockerfile /\n")),
        );
        let path = bed.home().join(name).to_string_lossy().into_owned();
        repo(path).docker(dockerfile("Dockerfile").deploy("live", format!("{name}:live"), []))
    };
    let ballast = Ballast::on(&data);
    let deployer = Library::start_with(&settings, &[site("first"), site("second")]);
    for name in ["first", "second"] {
        bed.job_for("docker-build", name, "waiting for disk: 0.0 of 0.1 GB");
    }
    drop(ballast);
    for name in ["first", "second"] {
        bed.job_for("docker-build", name, "ok");
        bed.job_for("docker-push", name, "ok");
    }
    let builds = bed.jobs().into_iter().filter(|job| job.id.contains("docker-build")).count();
    assert_eq!(builds, 2, "nothing was tried in vain");
    deployer.stops();
}
