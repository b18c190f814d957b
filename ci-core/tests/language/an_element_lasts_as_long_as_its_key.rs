use std::sync::Arc;

use ci_core::current::{fail, input};
use ci_core::{Current, FailureKind, OpError, testing};

use crate::words::{build_on, head};
use crate::{Diary, Goes};

type Entry = (&'static str, u32);

/// What is made of each: it notes that it is made, each value, and that it goes.
fn noted(diary: &Diary, list: &Current<Vec<Entry>>) -> Current<Vec<String>> {
    let diary = diary.clone();
    list.each_by(
        "entry",
        |(name, _)| *name,
        move |entry| {
            diary.note("made");
            let part = Arc::new(Goes("one", diary.clone()));
            entry.map(move |(name, n)| {
                let _ = &part;
                format!("{name}{n}")
            })
        },
    )
}

fn driven(list: Vec<Entry>) -> (Diary, ci_core::current::Input<Vec<Entry>>, testing::Driven) {
    let (diary, (set, list)) = (Diary::default(), input("list", list));
    let seen = diary.clone();
    let t = testing::drive(move || seen.states(&noted(&seen, &list)));
    (diary, set, t)
}

#[test]
fn results_are_in_order_and_moving_makes_nothing() {
    let (diary, set, mut t) = driven(vec![("b", 1), ("a", 2)]);
    assert_eq!(diary.news(), ["made", "made", r#"["b1", "a2"]"#]);
    t.sets(&set, vec![("a", 2), ("b", 1)]);
    assert_eq!(diary.news(), [r#"["a2", "b1"]"#]);
}

#[test]
fn one_that_comes_is_made_alone_and_one_that_goes_goes_alone() {
    let (diary, set, mut t) = driven(vec![("a", 1)]);
    diary.news();
    t.sets(&set, vec![("a", 1), ("b", 2)]);
    assert_eq!(diary.news(), ["made", r#"["a1", "b2"]"#]);
    t.sets(&set, vec![("b", 2)]);
    assert_eq!(diary.news(), ["one goes", r#"["b2"]"#]);
    t.sets(&set, vec![]);
    assert!(diary.news().contains(&"[]".to_owned()));
}

#[test]
fn a_new_value_of_an_element_is_seen_by_what_was_made_of_it() {
    let (diary, set, mut t) = driven(vec![("a", 1), ("b", 2)]);
    diary.news();
    t.sets(&set, vec![("a", 1), ("b", 3)]);
    assert_eq!(diary.news(), [r#"["a1", "b3"]"#]);
}

#[test]
fn equal_elements_share_what_is_made_of_them() {
    let (diary, _set, _t) = driven(vec![("a", 1), ("b", 2), ("a", 1)]);
    assert_eq!(diary.news(), ["made", "made", r#"["a1", "b2", "a1"]"#]);
}

#[test]
fn two_that_differ_under_one_key_are_an_error_and_change_nothing() {
    let (diary, set, mut t) = driven(vec![("a", 1)]);
    diary.news();
    t.sets(&set, vec![("a", 1), ("a", 2)]);
    assert_eq!(
        diary.news(),
        [r#"failed: the list has two different elements called "a" (hint: give them different keys)"#]
    );
    t.sets(&set, vec![("a", 1), ("b", 2)]);
    assert_eq!(diary.news(), ["made", r#"["a1", "b2"]"#]);
}

#[test]
fn a_skipped_element_is_left_out() {
    let (diary, (_set, list)) = (Diary::default(), input("list", vec!["a", "b", "a", "c"]));
    let seen = diary.clone();
    let _t = testing::drive(move || {
        let kept = list.each("entry", |name| {
            name.bind("", |name| match *name {
                "b" => fail(OpError::new(FailureKind::Skipped, "no b")),
                name => ci_core::current::constant(name),
            })
        });
        seen.states(&kept)
    });
    assert_eq!(diary.news().last().map(String::as_str), Some(r#"["a", "a", "c"]"#));
}

#[test]
fn lists_may_hold_lists_and_use_what_stands_outside() {
    let (set, repos) = input("repos", vec![("site", vec!["live", "main"])]);
    let mut t = testing::drive(move || {
        let base = build_on("base", &head("base"));
        let built = repos.each_by(
            "repository",
            |(name, _)| *name,
            move |repo| {
                let base = base.clone();
                repo.map(|(_, branches)| branches.clone()).each("branch", move |branch| {
                    build_on("image", &branch.and(&base).map(|(branch, base)| format!("{branch} on {base}")))
                })
            },
        );
        built.ignore()
    });
    t.reads("head of base", "b1".to_owned());
    t.completes("base", "base:1");
    assert_eq!(t.running(), ["build site@live on base:1", "build site@main on base:1"]);
    t.completes("build site@live on base:1", "1");
    t.completes("build site@main on base:1", "2");
    assert_eq!(t.outcome(), "ok");
    t.sets(&set, vec![("site", vec!["live", "main", "next"])]);
    assert_eq!(t.running(), ["build site@next on base:1"], "nothing else is made anew");
    t.completes("image", "3");
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn many_that_finish_one_by_one_are_done_when_the_last_is() {
    const N: usize = 60;
    let (set, list) = input("list", (0..N).collect::<Vec<_>>());
    let mut t =
        testing::drive(move || list.each("n", |n| build_on("image", &n.map(|n| format!("{n:03}")))).ignore());
    assert_eq!(t.running().len(), N);
    for n in 0..N {
        assert_ne!(t.outcome(), "ok");
        t.completes(&format!("build site@{n:03}"), "image");
    }
    assert_eq!(t.outcome(), "ok");
    t.sets(&set, Vec::new());
    assert_eq!(t.outcome(), "ok");
}
