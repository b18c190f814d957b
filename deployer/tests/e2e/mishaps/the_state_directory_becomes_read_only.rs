//! The file system with the state directory becomes read-only under a running deployer, as a damaged one does, and is set
//! right.

use std::process::Command;

use super::{Mishap, befalls};
use crate::support::World;

pub(super) struct ReadOnly;

/// Runs a script where the deployer sees the result, and nobody else.
fn mounts(world: &mut World, script: &str) {
    let pid = world.log().pid().as_raw_nonzero().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid, "--mount", "sh", "-ec", script, "sh"]).arg(world.bed.state());
    assert!(command.status().unwrap().success(), "{script}");
}

impl Mishap for ReadOnly {
    fn strikes(&mut self, world: &mut World) {
        mounts(world, "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"");
    }

    fn told(&self) -> [&'static str; 2] {
        ["can't be stored on this machine", "hint: make the state directory writable"]
    }

    fn is_set_right(&mut self, world: &mut World) {
        mounts(world, "umount --lazy \"$1\"");
    }
}

#[test]
fn the_state_directory_becomes_read_only() {
    let mut world = World::that_works();
    befalls(&mut world, &mut ReadOnly);
    world.ends();
}
