use ci_core::current::{Activity, active, all, constant, fail};
use ci_core::engine::{NodeKind, NodeState};
use ci_core::{Current, Failure, FailureKind, OpError, testing};

use crate::{Diary, failed, maybe};

#[test]
fn in_other_words_it_is_this_nodes_own() {
    let worse = |failure: &Failure| OpError::new(failure.kind, format!("the release: {failure}"));
    let t = testing::drive(move || fail::<u8>(OpError::permanent("red")).map_err(worse).ignore());
    assert_eq!(t.states()[..2], ["constant: failed: red", "map_err: failed: the release: red"]);
    assert_eq!(t.outcome(), "failed: the release: red");
    let skipped = || fail::<()>(OpError::new(FailureKind::Skipped, "no tag"));
    let worst = |_: &Failure| OpError::permanent("worst");
    assert_eq!(testing::drive(move || all([skipped().map_err(worst)])).outcome(), "ok", "it is no failure");
    assert_eq!(testing::drive(move || constant(1).map_err(worse).ignore()).outcome(), "ok");
    assert_eq!(
        testing::drive(move || active::<u8>(Activity::Running).map_err(worse).ignore()).outcome(),
        "running"
    );
}

#[test]
fn caught_it_is_a_value_and_what_is_active_stays_so() {
    let (diary, (set, tested)) =
        (Diary::default(), maybe("tested", Err(failed(FailureKind::Permanent, "x"))));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        seen.states(&tested.catch().map(|tested: &Result<u8, Failure>| {
            tested.as_ref().map_err(|failure| failure.message.clone()).cloned()
        }))
    });
    t.sets(&set, Err(ci_core::current::Pending::Active(Activity::Running)));
    t.sets(&set, Ok(7));
    assert_eq!(diary.news(), ["Err(\"x\")", "running", "Ok(7)"]);
}

#[test]
fn a_state_is_there_at_every_moment() {
    let (diary, (set, image)) =
        (Diary::default(), maybe("image", Err(ci_core::current::Pending::Active(Activity::Queued))));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let diary = seen.clone();
        image.state().map(move |state| diary.note(format!("{state:?}")))
    });
    assert_eq!(t.outcome(), "ok");
    t.sets(&set, Err(failed(FailureKind::Transient, "full")));
    t.sets(&set, Ok(1));
    assert_eq!(t.outcome(), "ok");
    let news = diary.news();
    assert_eq!(news.len(), 3, "{news:?}");
    assert!(news[0].contains("Queued") && news[1].contains("full") && news[2] == "Ok(1)", "{news:?}");
}

#[test]
fn what_is_hidden_is_not_drawn_and_what_is_not_is() {
    let t = testing::drive(|| {
        let image: Current<u8> = constant(1);
        all([
            image.state().ignore(),
            image.state_hidden().ignore(),
            image.catch().ignore(),
            image.catch_hidden().ignore(),
        ])
    });
    let drawn: Vec<_> =
        t.snapshot().nodes.iter().filter(|node| !node.hidden).map(|node| &*node.label).collect();
    assert_eq!(drawn, ["state", "catch"]);
    assert!(t.snapshot().nodes.iter().any(|node| node.kind == NodeKind::State));
}

#[test]
fn blocked_is_told_apart_from_failed_and_from_waiting() {
    let t = testing::drive(|| {
        let blocked = fail::<u8>(OpError::permanent("red")).map(|n| n + 1);
        let waiting = active::<u8>(Activity::Running).map(|n| n + 1);
        all([blocked.ignore(), waiting.ignore()])
    });
    let states: Vec<_> =
        t.snapshot().nodes.iter().filter(|node| node.label == "map").map(|node| &node.state).collect();
    assert!(matches!(states[0], NodeState::Blocked { .. }), "{states:?}");
    assert!(
        states.iter().any(|state| matches!(state, NodeState::Waiting { activity: Activity::Running, .. }))
    );
}
