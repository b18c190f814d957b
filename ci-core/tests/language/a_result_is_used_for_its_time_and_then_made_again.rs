//! Who uses a result says for how long. Then it is made again, and serves meanwhile.

use std::time::Duration;

use ci_core::current::{PERIOD_MIN, all, constant};
use ci_core::{Current, Engine, Level, OpError, testing};

use crate::words::{build, build_on, deploy, head};
use crate::{Diary, maybe};

const MOMENT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn hourly() -> Current<()> {
    deploy("web", &build(&head("site")).valid_for(HOUR))
}

/// Everything is done.
fn done() -> testing::Driven {
    let mut t = testing::drive(hourly);
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());
    assert_eq!(t.outcome(), "ok");
    t
}

/// The build's time is over.
fn expired() -> testing::Driven {
    let mut t = done();
    t.advances(HOUR);
    assert_eq!(t.asked(), ["build site@1"]);
    t
}

#[test]
fn the_value_serves_until_there_is_a_new_one() {
    let mut t = done();
    t.advances(HOUR - MOMENT);
    assert_eq!(t.asked(), [""; 0]);
    t.advances(MOMENT);
    assert_eq!(t.asked(), ["build site@1"]);
    assert_eq!((t.state("build"), t.state("web")), ("ok, running anew".to_owned(), "ok".to_owned()));
    t.completes("build", "image:2");
    assert_eq!((t.state("build"), t.state("web")), ("ok".to_owned(), "running".to_owned()));
    assert_eq!(t.asked(), ["update web (image:2)"]);
    t.completes("web", ());
    t.advances(HOUR - MOMENT);
    assert_eq!(t.asked(), [""; 0], "it is counted from the new one");
    t.advances(MOMENT);
    assert_eq!(t.asked(), ["build site@1"]);
    t.completes("build", "image:2");
}

#[test]
fn nothing_moves_if_it_is_equal() {
    let diary = Diary::default();
    let noted = diary.clone();
    let mut t = testing::drive(move || {
        let image = build(&head("site")).valid_for(HOUR);
        all([noted.states(&image), deploy("web", &image)])
    });
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());
    let _ = diary.news();
    for _ in 0..3 {
        t.advances(HOUR);
        t.completes("build", "image:1");
        assert_eq!((t.asked(), t.outcome()), (vec![], "ok".to_owned()));
    }
    assert_eq!(diary.news(), [""; 0]);
}

#[test]
fn of_several_users_the_least_patient_says() {
    let mut t = testing::drive(|| {
        let image = build(&head("site"));
        let (patient, hasty) =
            (image.valid_for(10 * SECOND), build_on("base", &head("site")).valid_for(5 * SECOND));
        all([image.ignore(), patient.ignore(), hasty.ignore()])
    });
    t.reads("head of site", "1".to_owned());
    t.completes("build site@1", "image:1");
    t.advances(5 * SECOND - MOMENT);
    assert_eq!(t.asked(), [""; 0]);
    t.advances(MOMENT);
    assert_eq!(t.asked(), ["build site@1"], "once, for all of them");
    t.completes("build site@1", "image:1");
    t.advances(5 * SECOND);
    assert_eq!(t.asked(), ["build site@1"]);
    t.completes("build site@1", "image:1");
}

#[test]
fn what_nobody_wants_any_more_is_not_made_again() {
    let (wants, wanted) = maybe("wants", Ok(true));
    let mut t = testing::drive(move || {
        wanted.bind("part", |wanted| match wanted {
            true => build(&constant("1".to_owned())).valid_for(HOUR).ignore(),
            false => constant(()),
        })
    });
    t.completes("build", "image:1");
    t.sets(&wants, Ok(false));
    t.advances(2 * HOUR);
    assert_eq!((t.asked(), t.running()), (vec![], vec![]));
    t.sets(&wants, Ok(true));
    assert_eq!(t.asked(), ["build site@1"], "it is renewed when it is wanted again");
    assert_eq!(t.state("build"), "ok, running anew");
    t.completes("build", "image:1");
}

#[test]
fn what_can_not_be_made_again_serves_on_in_doubt_and_is_tried_without_end() {
    let mut t = expired();
    let mut seen = Vec::new();
    for pause in [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
        t.fails("build", OpError::transient("the line went dead"));
        seen.push((t.state("build"), t.state("web"), t.outcome(), t.doubts()));
        t.advances(pause - MOMENT);
        assert_eq!(t.asked(), [""; 0]);
        t.advances(2 * MOMENT);
        assert_eq!(t.asked(), ["build site@1"]);
    }
    seen.dedup();
    let stale = "ok, stale: the line went dead".to_owned();
    assert_eq!(seen, [(stale, "ok".to_owned(), "ok".to_owned(), 1)]);
    t.fails("build", OpError::permanent("no such tag"));
    assert_eq!(t.state("build"), "ok, stale: no such tag", "the newest reason is told");
    t.advances(HOUR);
    assert_eq!(t.running(), ["build site@1"], "what seems to be for good is tried, too");
    t.completes("build", "image:1");
    assert_eq!((t.state("build"), t.doubts()), ("ok".to_owned(), 0));
}

#[test]
fn the_machinery_may_be_down_meanwhile() {
    let mut t = expired();
    t.fails("build", OpError::infrastructure("no engine"));
    assert_eq!((t.state("build"), t.outcome()), ("ok, stale: no engine".to_owned(), "ok".to_owned()));
    t.advances(2 * SECOND);
    t.completes("build", "image:1");
    assert_eq!((t.state("build"), t.doubts()), ("ok".to_owned(), 0));
}

#[test]
fn that_it_is_cancelled_holds_for_the_time() {
    let mut t = expired();
    t.cancels("build");
    assert_eq!(t.state("build"), "ok, stale: cancelled: by the test");
    t.advances(HOUR - MOMENT);
    assert_eq!(t.asked(), [""; 0]);
    t.restarts(hourly);
    assert_eq!((t.asked(), t.state("build")), (vec![], "ok, stale: cancelled: by the test".to_owned()));
    t.advances(2 * MOMENT);
    assert_eq!(t.asked(), ["build site@1"]);
    t.completes("build", "image:1");
}

#[test]
fn a_guarded_one_waits_for_a_person_and_the_value_serves() {
    let mut t = done();
    t.confirms(Some(Level::Average));
    t.advances(HOUR);
    assert_eq!(t.state("build"), "ok, waiting for confirmation anew");
    t.approves("build");
    assert_eq!(t.asked(), ["build site@1"]);
    t.fails("build", OpError::transient("the line went dead"));
    t.advances(2 * SECOND);
    assert_eq!(t.state("build"), "ok, waiting for confirmation anew", "an approval is for one run");
    t.approves("build");
    t.completes("build", "image:1");
    assert_eq!(t.state("build"), "ok");
}

#[test]
fn a_failure_is_told_until_it_has_come_to_a_new_end() {
    let mut t = testing::drive(hourly);
    t.reads("head of site", "1".to_owned());
    t.fails("build", OpError::permanent("no such tag"));
    t.advances(HOUR - MOMENT);
    assert_eq!(t.asked(), [""; 0], "what is for good is not tried before its time is over");
    t.advances(MOMENT);
    assert_eq!(t.state("build"), "failed: no such tag, running anew");
    t.fails("build", OpError::permanent("no such repository"));
    assert_eq!(t.state("build"), "failed: no such repository");
    t.advances(HOUR);
    t.completes("build", "image:1");
    t.completes("web", ());
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn so_it_is_if_it_was_found_after_a_restart() {
    let mut t = testing::drive(hourly);
    t.reads("head of site", "1".to_owned());
    t.fails("build", OpError::permanent("no such tag"));
    t.restarts(hourly);
    assert_eq!((t.asked(), t.state("build")), (vec![], "failed: no such tag".to_owned()));
    t.advances(HOUR);
    assert_eq!(t.asked(), ["build site@1"]);
    t.completes("build", "image:1");
    t.completes("web", ());
}

#[test]
fn a_restart_after_the_time_renews_at_once_and_the_value_serves() {
    let patient = || deploy("web", &build(&head("site")).valid_for(24 * HOUR));
    let mut t = testing::drive(patient);
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());
    t.advances(HOUR);
    t.restarts(patient);
    assert_eq!((t.asked(), t.outcome()), (vec![], "ok".to_owned()));
    t.restarts(hourly);
    assert_eq!(t.asked(), ["build site@1"]);
    assert_eq!((t.state("build"), t.outcome()), ("ok, running anew".to_owned(), "ok".to_owned()));
    t.restarts(hourly);
    assert_eq!(t.asked(), ["build site@1"], "what a restart cut is begun anew");
    assert_eq!((t.state("build"), t.outcome()), ("ok, running anew".to_owned(), "ok".to_owned()));
    t.fails("build", OpError::permanent("no such tag"));
    t.restarts(hourly);
    assert_eq!(t.asked(), ["build site@1"]);
    assert_eq!(t.outcome(), "ok", "what failed has not taken its place");
    t.completes("build", "image:2");
    assert_eq!(t.asked(), ["update web (image:2)"]);
    t.completes("web", ());
    t.restarts(hourly);
    assert_eq!((t.asked(), t.outcome(), t.doubts()), (vec![], "ok".to_owned(), 0));
}

#[test]
fn a_publisher_is_renewed_in_the_same_way() {
    let mut t = testing::drive(|| deploy("web", &build(&head("site"))).valid_for(HOUR));
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());
    t.advances(HOUR);
    assert_eq!(t.asked(), ["update web (image:1)"]);
    assert_eq!((t.state("web"), t.outcome()), ("ok, running anew".to_owned(), "ok".to_owned()));
    t.reads("head of site", "2".to_owned());
    t.completes("build", "image:2");
    assert_eq!(t.state("web"), "queued", "that was of another value");
    t.completes("web", ());
    assert_eq!(t.asked(), ["update web (image:2)"]);
    t.fails("web", OpError::permanent("2 of 3 tasks are unhealthy"));
    t.reads("head of site", "1".to_owned());
    assert_eq!(t.state("web"), "running", "what is there now is not known: it is published again");
    t.completes("web", ());
}

#[test]
fn it_is_for_operations_and_for_a_time() {
    for (current, why) in [
        (constant(1).valid_for(HOUR).ignore(), "no operation: it has no result that can be made again"),
        (
            build(&head("site")).map(|_| ()).valid_for(HOUR),
            "no operation: it has no result that can be made again",
        ),
        (
            build(&head("site")).valid_for(PERIOD_MIN - MOMENT).ignore(),
            "a result can't be used for 999ms only",
        ),
    ] {
        let mut t = testing::drive(|| current);
        t.leaves_the_rest();
        assert!(t.outcome().starts_with(&format!("failed: {why} (hint: ")), "{}", t.outcome());
    }
    let mut t = testing::drive(|| build(&head("site")).valid_for(PERIOD_MIN).ignore());
    t.leaves_the_rest();
    assert_eq!(t.outcome(), "running", "the shortest time is one");
}

#[test]
fn a_rebuild_lets_the_value_serve_and_a_discard_does_not() {
    let mut t = testing::drive(|| deploy("web", &build(&head("site"))));
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());

    t.rebuilds("build");
    assert_eq!(t.asked(), ["build site@1"]);
    assert_eq!((t.state("build"), t.outcome()), ("ok, running anew".to_owned(), "ok".to_owned()));
    let pipeline = || deploy("web", &build(&head("site")));
    t.restarts(pipeline);
    assert_eq!(t.asked(), ["build site@1"], "it is still to be made");
    assert_eq!(t.outcome(), "ok");
    t.fails("build", OpError::permanent("exit code 1"));
    assert_eq!(t.state("build"), "ok, stale: exit code 1");
    t.advances(24 * HOUR);
    assert_eq!(t.asked(), [""; 0], "that was tried once, as asked");
    t.restarts(pipeline);
    assert_eq!((t.asked(), t.state("build")), (vec![], "ok, stale: exit code 1".to_owned()));

    t.rebuilds("build");
    t.fails("build", OpError::transient("the line went dead"));
    assert_eq!((t.asked(), t.state("build")), (vec![], "ok, stale: the line went dead".to_owned()));
    t.restarts(pipeline);
    assert_eq!(t.asked(), ["build site@1"], "what may pass is tried again");
    assert_eq!(t.outcome(), "ok");
    t.fails("build", OpError::permanent("exit code 1"));

    t.discards("build");
    assert_eq!((t.state("build"), t.state("web")), ("running".to_owned(), "waiting for build".to_owned()));
    t.restarts(pipeline);
    assert_eq!(t.state("build"), "running");
    t.fails("build", OpError::permanent("exit code 1"));
    assert_eq!(t.outcome(), "failed: exit code 1");

    t.rebuilds("build");
    assert_eq!(t.state("build"), "running", "there is no value to serve");
    t.completes("build", "image:1");
    assert_eq!((t.asked(), t.outcome()), (vec![], "ok".to_owned()));
}

#[test]
fn what_changed_meanwhile_is_made_at_once() {
    let guarded = |engine: Engine| engine.confirm(None);
    let mut t = testing::drive_with(guarded, hourly);
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());
    t.advances(HOUR);
    t.reads("head of site", "2".to_owned());
    assert_eq!(t.state("build"), "running", "another key has no value yet");
    assert_eq!(t.running(), ["build site@2"], "nobody wants the other any more");
    t.completes("build", "image:2");
    t.completes("web", ());
}
