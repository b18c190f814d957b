use ci_core::current::{Activity, active, constant, fail};
use ci_core::{Current, OpError, testing};

use crate::words::{build, build_on, deploy, head};

#[test]
fn the_control_is_told_before_the_value() {
    let red = |message| fail::<u8>(OpError::permanent(message));
    let told =
        |value: Current<u8>, on: Current<u8>| testing::drive(move || value.gate(&on).ignore()).outcome();
    assert_eq!(told(constant(1), constant(0)), "ok");
    assert_eq!(told(red("v"), constant(0)), "failed: v");
    assert_eq!(told(active(Activity::Running), constant(0)), "running");
    assert_eq!(told(red("v"), active(Activity::Queued)), "queued");
    assert_eq!(told(constant(1), red("c")), "failed: c");
}

#[test]
fn what_is_held_back_is_made_all_the_same() {
    let mut t = testing::drive(|| {
        let (commit, tested) = (head("site"), build_on("test", &head("tests")));
        deploy("web", &build(&commit).gate(&tested))
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    assert_eq!(
        (t.state("head of tests"), t.running()),
        ("running".to_owned(), vec!["build site@1a2b3c4".to_owned()])
    );
    t.completes("build site@1a2b3c4", "image:1");
    assert_eq!(t.running(), Vec::<String>::new(), "the service waits for the tests");
    t.reads("head of tests", "5d6e7f8".to_owned());
    t.completes("test", "green");
    assert_eq!(t.running(), ["update web (image:1)"]);
    t.completes("web", ());
    assert_eq!(t.outcome(), "ok");
}
