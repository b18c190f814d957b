//! The registry can't be reached, refuses, or loses the connection in the middle of a layer. What was built waits for it.

use std::fs;

use testbed::Registry;

use super::{Mishap, befalls};
use crate::support::{Manner, Proxy, World, eventually};

/// How large a layer is that a push can be cut in.
const LAYER_BYTES: usize = 4 << 20;

/// A world whose registry is reached through somebody.
fn world() -> (World, Proxy, Registry) {
    let mut world = World::before_its_start();
    let registry = Registry::start(&world.bed.engine);
    let proxy = Proxy::to(registry.address());
    world.flags = vec!["--registry".to_owned(), proxy.address().to_owned()];
    world.starts();
    world.publishes();
    world.is_well_again();
    (world, proxy, registry)
}

/// It is of no help for some time.
struct NoHelp {
    proxy: Proxy,
    manner: Manner,
    told: &'static str,
}

impl Mishap for NoHelp {
    fn strikes(&mut self, _: &mut World) {
        self.proxy.is(self.manner);
    }

    fn told(&self) -> [&'static str; 2] {
        [self.told, "hint: "]
    }

    fn is_set_right(&mut self, _: &mut World) {
        self.proxy.is(Manner::Through);
    }
}

fn is_no_help(manner: Manner, told: &'static str) {
    let (mut world, proxy, _registry) = world();
    befalls(&mut world, &mut NoHelp { proxy, manner, told });
    let pushes = world.bed.jobs().into_iter().filter(|job| job.id.contains("docker-push"));
    assert_eq!(pushes.count(), 2, "one job for each commit, however often it was tried");
    world.ends();
}

#[test]
fn it_is_away() {
    is_no_help(Manner::Away, "connection refused");
}

#[test]
fn it_wants_a_login() {
    is_no_help(Manner::Answers("401 Unauthorized"), "docker push");
}

#[test]
fn it_forbids() {
    is_no_help(Manner::Answers("403 Forbidden"), "docker push");
}

#[test]
#[ignore = "for scripts/soak: it takes more than a minute, since the engine itself tries again first, five times"]
fn it_is_out_of_order() {
    is_no_help(Manner::Answers("500 Internal Server Error"), "docker push");
}

/// Nobody's patience ends before the push does.
#[test]
fn it_is_slow() {
    let (mut world, proxy, _registry) = world();
    add_noise(&world);
    let before = world.newest();
    proxy.is(Manner::Slow);
    world.publishes_with("COPY noise /");
    let push = world.bed.job("docker-push", "running");
    world.serves(&before);
    world.is_well_again();
    let pushes = world.bed.jobs().into_iter().filter(|job| job.id.contains("docker-push"));
    assert_eq!(
        pushes.map(|job| job.id).next(),
        Some(push.id),
        "the push that was slow is the one that counts"
    );
    world.ends();
}

/// Adds a layer's worth of bytes to the next commit.
fn add_noise(world: &World) {
    let mut noise = vec![0; LAYER_BYTES];
    rand(&mut noise);
    fs::write(world.site.work.path().join("noise"), &noise).unwrap();
    world.site.work.git(["add", "noise"]);
}

/// The engine tries a cut layer again by itself, and what comes of it is read back from the registry.
#[test]
fn it_loses_the_connection_in_the_middle_of_a_layer() {
    let (mut world, proxy, _registry) = world();
    add_noise(&world);
    proxy.is(Manner::CutAfter(LAYER_BYTES / 10 * 9));
    world.publishes_with("COPY noise /");
    eventually("a cut", || (0 < proxy.cuts()).then_some(()));
    let before = (world.newest().parse::<u32>().unwrap() - 1).to_string();
    world.serves(&before);
    proxy.is(Manner::Through);
    world.is_well_again();
    world.ends();
}

/// Bytes that can't be compressed.
fn rand(bytes: &mut [u8]) {
    use std::io::Read as _;
    fs::File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
}
