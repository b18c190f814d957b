//! Retries and timeouts come when the test lets time pass, at their time, and not before.

use std::time::Duration;

use ci_core::current::daily;
use ci_core::op::TIMEOUT_DEFAULT;
use ci_core::{ATTEMPTS_MAX, Engine, Level, OpError, RETRY_DELAY_MIN, testing};

use crate::words::{build, head};

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_passing_failure_is_tried_again_at_its_time() {
    let mut t = testing::drive(|| build(&head("site")).ignore());
    t.reads("head of site", "1".to_owned());
    for attempt in 1..ATTEMPTS_MAX {
        t.fails("build", OpError::transient("the line went dead"));
        assert_eq!(t.state("build"), "retrying");
        let pause = RETRY_DELAY_MIN * (1 << (attempt - 1));
        t.advances(pause - MOMENT);
        assert_eq!(t.state("build"), "retrying", "attempt {attempt}");
        t.advances(2 * MOMENT);
        assert_eq!(t.state("build"), "running", "attempt {attempt}");
    }
    t.fails("build", OpError::transient("the line went dead"));
    assert_eq!(t.outcome(), "failed: the line went dead");
}

#[test]
fn an_operation_that_is_never_answered_runs_out_of_time() {
    let mut t = testing::drive(|| build(&head("site")).ignore());
    t.reads("head of site", "1".to_owned());
    t.advances(TIMEOUT_DEFAULT - MOMENT);
    assert_eq!(t.state("build"), "running");
    t.advances(2 * MOMENT);
    assert!(t.state("build").starts_with("failed: site@1 took longer than 3600s"), "{}", t.state("build"));
}

#[test]
fn who_waits_to_be_let_in_has_all_of_its_time_afterwards() {
    let guarded = |engine: Engine| engine.confirm(Some(Level::Harmless));
    let mut t = testing::drive_with(guarded, || build(&head("site")).ignore());
    t.reads("head of site", "1".to_owned());
    t.advances(2 * TIMEOUT_DEFAULT);
    assert_eq!(t.state("build"), "waiting for confirmation");
    t.approves("build");
    t.advances(TIMEOUT_DEFAULT - MOMENT);
    assert_eq!(t.state("build"), "running");
    t.advances(2 * MOMENT);
    assert!(t.state("build").starts_with("failed: site@1 took longer than 3600s"), "{}", t.state("build"));
}

#[test]
fn what_happens_while_time_passes_happens_in_its_order() {
    let mut t = testing::drive(|| build(&head("site")).ignore());
    t.fails("head of site", OpError::infrastructure("the server is away"));
    assert_eq!(t.state("build"), "blocked by head of site");
    t.advances(Duration::from_secs(24 * 60 * 60));
    t.reads("head of site", "1".to_owned());
    t.fails("head of site", OpError::infrastructure("the server is away"));
    assert_eq!(t.state("head of site"), "ok, stale: the server is away");
    assert_eq!(t.state("build"), "running");
    t.completes("build", "image:1");
}

#[test]
fn what_is_due_each_night_comes_when_it_is_night() {
    let pipeline = || {
        let nightly = head("site").and(&daily(3, 30));
        build(&nightly.map(|(commit, day)| format!("{commit} on day {day}"))).ignore()
    };
    let mut t = testing::drive(pipeline);
    t.reads("head of site", "1".to_owned());
    assert_eq!(t.asked(), ["build site@1 on day 20453"], "New Year's Eve's, since it is midnight");
    t.completes("build", "image:1");
    t.advances(Duration::from_secs((3 * 60 + 30) * 60) - MOMENT);
    assert_eq!(t.asked(), [""; 0]);
    t.advances(2 * MOMENT);
    assert_eq!(t.asked(), ["build site@1 on day 20454"]);
    t.completes("build", "image:1");
    t.restarts(pipeline);
    assert_eq!((t.asked().len(), t.outcome()), (0, "ok".to_owned()));
    t.advances(Duration::from_secs(24 * 60 * 60));
    assert_eq!(t.asked(), ["build site@1 on day 20455"]);
    t.completes("build", "image:1");
}
