//! Without an engine, or with one that is no Swarm and nobody to ask: one line says what to do, and nothing is touched.

use crate::support::Bed;

#[test]
fn an_engine_that_is_no_swarm_is_left_alone() {
    let bed = Bed::plain();
    let before = bed.holds();

    let ended = bed.tell(["demo", "--once"]);

    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.err.contains("this engine is no Swarm") && ended.err.contains("--init-swarm"), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert_eq!(bed.holds(), before);
}

#[test]
fn a_person_at_a_terminal_is_asked_first() {
    let bed = Bed::plain();
    let before = bed.holds();

    let asked =
        format!("printf 'n\\n' | script -qec '{} demo --once' /dev/null", env!("CARGO_BIN_EXE_deployer"));
    let ended = bed.program("sh", ["-c", &asked]).output().unwrap();

    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("Make it one while the demo runs, listening on 127.0.0.1 only? [y/N]"), "{said}");
    assert_eq!(bed.holds(), before);
}

#[test]
fn no_engine_at_all() {
    let bed = Bed::plain();

    let nobody = format!("unix://{}", bed.home().join("nobody.sock").display());
    let mut command = bed.deployer(["demo", "--once", "--init-swarm"]);
    let ended = command.env("DOCKER_HOST", &nobody).output().unwrap();

    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!((ended.status.code(), out.as_ref()), (Some(1), ""), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("nobody.sock") && err.contains("(hint: "), "{err}");
    assert_eq!(std::fs::read_dir(bed.temporary()).unwrap().count(), 0);
}
