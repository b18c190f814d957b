//! A test does what people do: approve, cancel, rebuild, and set the level that is guarded.

use ci_core::{Engine, Level, OpError, testing};

use crate::words::{build, deploy, head};

#[test]
fn a_person_approves_cancels_and_rebuilds() {
    let guarded = |engine: Engine| engine.confirm(Some(Level::Dangerous));
    let mut t = testing::drive_with(guarded, || deploy("web", &build(&head("site"))));
    assert_eq!(t.state("build"), "waiting for head of site");
    t.reads("head of site", "1".to_owned());
    t.cancels("build");
    assert_eq!(t.state("build"), "failed: cancelled: by the test");
    assert_eq!(t.state("service web"), "blocked by build");
    assert_eq!(t.running(), [""; 0], "what was cancelled waits for nobody");

    t.rebuilds("build");
    assert_eq!(t.asked(), ["build site@1"]);
    t.completes("build", "image:1");
    assert_eq!(t.state("web"), "waiting for confirmation");
    t.approves("service web");
    assert_eq!(t.asked(), ["update web (image:1)"]);
    t.completes("web", ());
    assert_eq!(t.outcome(), "ok");

    t.confirms(None);
    t.reads("head of site", "2".to_owned());
    t.completes("build", "image:2");
    assert_eq!(t.state("web"), "running", "nothing is guarded any more");
    t.cancels("web");
    assert_eq!(t.state("web"), "running", "a publisher decides itself when it can stop");
    t.fails("web", OpError::cancelled("set back to image:1"));
    assert_eq!(t.outcome(), "failed: set back to image:1");
}
