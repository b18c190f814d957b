//! The state directory is read-only, somebody else's, a file, or in use. The deployer does not start, says so in one line
//! with what to do, and touches nothing.

use std::fs;
use std::process::Command;

use crate::support::{Running, World};

/// The deployer ends at once, with one line that holds `texts`, a hint, and no success.
fn is_refused<const N: usize>(world: &World, mut command: Command, texts: [&str; N]) {
    command.env("TABLE", &world.table).env("RUST_LOG", "info");
    let mut running = Running::start(command);
    let line = running.hears(texts);
    assert!(line.starts_with("deployer: ") && line.contains(" (hint: "), "{line}");
    assert!(line.contains(&*world.bed.home().to_string_lossy()), "it names the place: {line}");
    let (status, said) = running.ends();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end(), line.trim_end(), "nothing else is said");
}

/// As the command of [`World::starts`], but `folder` is mounted read-only for it, in a mount namespace of its own.
fn read_only(world: &World, folder: &str) -> Command {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    world.bed.program(
        "unshare",
        [
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            folder,
            env!("CARGO_BIN_EXE_deployer-of-tests"),
            "run",
        ],
    )
}

#[test]
fn it_is_read_only_whether_it_is_used_missing_or_new() {
    let mut world = World::before_its_start();
    let home = world.bed.home().display().to_string();
    is_refused(&world, read_only(&world, &home), ["can't be written: Read-only file system"]);
    fs::create_dir(world.bed.state()).unwrap();
    let state = world.bed.state().display().to_string();
    is_refused(&world, read_only(&world, &state), ["can't be written: Read-only file system"]);
    world.starts();
    world.publishes();
    world.is_well_again();
    world.stops();
    is_refused(&world, read_only(&world, &state), ["can't be written: Read-only file system"]);
    world.starts();
    world.is_well_again();
    world.ends();
}

#[test]
fn it_is_somebody_elses_or_a_file() {
    let mut world = World::before_its_start();
    let nobody =
        ["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_deployer-of-tests"), "run"];
    fs::create_dir(world.bed.state()).unwrap();
    fs::set_permissions(world.bed.state(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    is_refused(&world, world.bed.program("setpriv", nobody), ["can't be written: Permission denied"]);
    fs::remove_dir(world.bed.state()).unwrap();
    let run = || world.bed.program(env!("CARGO_BIN_EXE_deployer-of-tests"), ["run"]);
    fs::write(world.bed.state(), "somebody's").unwrap();
    is_refused(&world, run(), ["can't be used: ", "is a file"]);
    assert_eq!(fs::read_to_string(world.bed.state()).unwrap(), "somebody's");
    fs::remove_file(world.bed.state()).unwrap();
    fs::create_dir(world.bed.state()).unwrap();
    fs::write(world.bed.state().join("git"), "somebody's").unwrap();
    is_refused(&world, run(), ["the directory for Git mirrors, ", "can't be used: "]);
    fs::remove_file(world.bed.state().join("git")).unwrap();
    world.starts();
    world.publishes();
    world.is_well_again();
    world.ends();
}

#[test]
fn it_is_in_use_and_the_first_is_not_disturbed() {
    let mut world = World::that_works();
    let second = world.bed.program(env!("CARGO_BIN_EXE_deployer-of-tests"), ["run"]);
    let pid = fs::read_to_string(world.bed.state().join("lock")).unwrap();
    let in_use = format!("is in use by process {} (hint: stop the other one first", pid.trim());
    is_refused(&world, second, ["the state directory ", &in_use]);
    // The commands still speak to the first, and it works.
    world.is_well_again();
    world.publishes();
    world.is_well_again();
    world.ends();
}
