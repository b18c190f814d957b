use ci_core::current::{Activity, Pending, active, constant, fail};
use ci_core::{Current, FailureKind, OpError, testing};

use crate::words::{build, build_on, deploy, head};
use crate::{Diary, failed, maybe};

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
fn what_changes_passes_an_open_gate_and_stops_at_a_closed_one() {
    let permanent = FailureKind::Permanent;
    let (diary, (set, value), (control, on)) = (Diary::default(), maybe("value", Ok(1)), maybe("on", Ok(())));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.states(&value.gate(&on)));
    t.sets(&set, Ok(2));
    t.sets(&set, Err(failed(permanent, "v")));
    t.sets(&set, Ok(3));
    assert_eq!(diary.news(), ["1", "2", "failed: v", "3"]);
    t.sets(&control, Err(Pending::Active(Activity::Queued)));
    t.sets(&set, Ok(4));
    t.sets(&control, Err(failed(permanent, "c")));
    assert_eq!(diary.news(), ["queued", "failed: c"]);
    t.sets(&control, Ok(()));
    assert_eq!(diary.news(), ["4"]);
}

/// Who failed is who failed: a gate never does.
#[test]
fn a_failure_that_passes_a_gate_is_not_its_own() {
    let red = || fail::<u8>(OpError::permanent("2 of 30 tests fail"));
    for (value, on) in [(red(), constant(0)), (constant(0), red())] {
        let t = testing::drive(move || value.gate(&on).ignore());
        assert_eq!(t.state("gate"), "blocked by constant");
    }
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
