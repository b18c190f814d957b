//! `deployer demo --once` tells its story and ends with 0; then everything is as it was.

use rustix::process::{Signal, kill_process};

use crate::support::{Bed, Demo, Running};

#[test]
fn an_engine_that_is_no_swarm_is_one_for_the_demo_and_none_afterwards() {
    let bed = Bed::plain();
    let before = bed.holds();
    assert!(before.contains(&"swarm inactive".to_owned()), "{before:?}");

    let told = bed.ask(["demo", "--once", "--init-swarm"]);

    for step in [
        "The engine becomes a Swarm",
        "git commit -m \"Say hello\"",
        "answers: <h1>Hello, world</h1>",
        "git commit -m \"Say it again\"",
        "answers: <h1>Hello again</h1>",
        "git commit -m \"Copy a file that is not there\"",
        "the commit failed, as it should; the old version goes on:",
        "answers: <h1>Hello again</h1>",
        "Cleaning up",
    ] {
        assert!(told.contains(step), "{step:?} is missing in:\n{told}");
    }
    assert_eq!(bed.holds(), before);
}

#[test]
fn a_swarm_stays_a_swarm() {
    let bed = Bed::swarm();
    bed.engine.docker([
        "service",
        "create",
        "--detach",
        "--name",
        "of-somebody",
        "--replicas",
        "0",
        "nothing",
    ]);
    let before = bed.holds();
    assert!(before.contains(&"swarm active".to_owned()), "{before:?}");

    bed.ask(["demo", "--once"]);

    assert_eq!(bed.holds(), before);
}

#[test]
fn a_demo_that_is_told_to_end_cleans_up_first() {
    let bed = Bed::swarm();
    let before = bed.holds();
    let mut demo = Demo::once(&bed);
    demo.running.hears(["docker-service"]);

    kill_process(demo.running.pid(), Signal::INT).unwrap();

    let (status, told) = demo.running.ends();
    assert!(status.success() && told.contains("Cleaning up"), "{status}: {told}");
    assert_eq!(bed.holds(), before);
}

#[test]
fn a_demo_that_is_told_to_end_while_it_makes_a_swarm_unmakes_it() {
    let bed = Bed::plain();
    let before = bed.holds();
    for signal in [Signal::INT, Signal::TERM] {
        let mut running = Running::start(bed.deployer(["demo", "--once", "--init-swarm"]));
        running.hears(["The engine becomes a Swarm"]);

        kill_process(running.pid(), signal).unwrap();

        let (status, told) = running.ends();
        assert!(status.success(), "{status}: {told}");
        assert_eq!(bed.holds(), before, "{told}");
    }
}

#[test]
fn a_demo_that_can_not_begin_makes_no_swarm() {
    let bed = Bed::plain();
    let before = bed.holds();
    let mut command = bed.deployer(["demo", "--once", "--init-swarm"]);
    let ended = command.env("TMPDIR", bed.home().join("not-there")).output().unwrap();

    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(1) && err.contains("not-there"), "{err}");
    assert_eq!(bed.holds(), before);
}
