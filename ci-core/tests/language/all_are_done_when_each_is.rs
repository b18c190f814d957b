use ci_core::current::{Activity, active, all, all_labelled, constant, fail, input, list, optional};
use ci_core::{Current, FailureKind, OpError, testing};

use crate::{Diary, failed, maybe};

fn red(message: &str) -> Current<()> {
    fail(OpError::permanent(message))
}

#[test]
fn none_at_all_is_done_and_what_was_skipped_does_not_count() {
    assert_eq!(testing::drive(|| all([])).outcome(), "ok");
    let skipped = || fail(OpError::new(FailureKind::Skipped, "no tag"));
    assert_eq!(testing::drive(move || all([skipped(), constant(())])).outcome(), "ok");
}

#[test]
fn one_failure_is_told_while_others_run() {
    let t = testing::drive(|| all([active(Activity::Running), red("2 of 30 tests fail"), constant(())]));
    assert_eq!(t.outcome(), "failed: 2 of 30 tests fail");
}

#[test]
fn of_labelled_ones_nothing_is_told_before_all_are_settled() {
    let pending = || [("A", red("apk")), ("B", active(Activity::Running))];
    assert_eq!(testing::drive(move || all_labelled(pending())).outcome(), "running");
}

#[test]
fn labelled_failures_are_told_together() {
    let told =
        |members: Vec<(&'static str, Current<()>)>| testing::drive(move || all_labelled(members)).outcome();
    let full = || red("ENOSPACE");
    assert_eq!(
        told(vec![("A", full()), ("B", full()), ("C", constant(()))]),
        "failed: A, B failed: ENOSPACE"
    );
    assert_eq!(told(vec![("A", red("apk")), ("B", red("apt"))]), "failed: A, B failed");
    assert_eq!(told(vec![("A", red("apk")), ("B", red("apt")), ("C", red("apk"))]), "failed: A, B, C failed");
    assert_eq!(told(vec![("A", constant(())), ("B", red("apt"))]), "failed: B failed: apt");
    assert_eq!(told(vec![("A", constant(()))]), "ok");
}

#[test]
fn of_many_labelled_failures_twenty_are_named() {
    let names = |count: u32| (1..=count).map(|nth| format!("test {nth}"));
    let told = |count| {
        testing::drive(move || all_labelled(names(count).map(|name| (name, red("ENOSPACE"))))).outcome()
    };
    let twenty = names(20).collect::<Vec<_>>().join(", ");
    assert_eq!(told(20), format!("failed: {twenty} failed: ENOSPACE"));
    assert_eq!(told(21), format!("failed: {twenty} and 1 more failed: ENOSPACE"));
    assert_eq!(told(30), format!("failed: {twenty} and 10 more failed: ENOSPACE"));
}

#[test]
fn a_list_has_the_values_in_order() {
    let diary = Diary::default();
    let (set, two) = maybe("two", Err(failed(FailureKind::Transient, "away")));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.states(&list([constant(1), two, constant(3)])));
    t.sets(&set, Ok(2));
    t.sets(&set, Err(failed(FailureKind::Skipped, "none")));
    assert_eq!(diary.news(), ["failed: away", "[1, 2, 3]", "[1, 3]"]);
}

#[test]
fn what_need_not_be_there_is_none() {
    let (diary, (set, tag)) = (Diary::default(), input("tag", 1));
    let seen = diary.clone();
    let mut t =
        testing::drive(move || all([seen.follow(&optional(Some(tag))), seen.follow(&optional::<u8>(None))]));
    assert!(["Some(1)", "None"].iter().all(|seen| diary.news_has(seen)));
    diary.news();
    t.sets(&set, 2);
    assert_eq!(diary.news(), ["Some(2)"]);
}
