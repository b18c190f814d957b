use ci_core::current::{all, input, labelled};
use ci_core::testing;

use crate::Diary;
use crate::words::{build, deploy, head};

#[test]
fn one_change_that_comes_by_two_ways_runs_the_join_once() {
    let (diary, (set, n)) = (Diary::default(), input("n", 1));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let doubled = n.map(|n| n * 2);
        let sum = n.and(&doubled).map(|(n, doubled)| n + doubled);
        seen.follow(&sum)
    });
    t.sets(&set, 2);
    assert_eq!(diary.news(), ["3", "6"], "2 + 2 is never seen");
}

#[test]
fn a_stage_that_two_others_use_is_asked_once() {
    let mut t = testing::drive(|| {
        let image = build(&head("site"));
        all([deploy("one", &image), deploy("two", &image)])
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    t.completes("build", "image:1");
    assert_eq!(t.running(), ["update one (image:1)", "update two (image:1)"]);
    assert_eq!(t.snapshot().nodes.iter().filter(|node| node.label == "build").count(), 1);
    t.completes("one", ());
    t.completes("two", ());
}

#[test]
fn equal_keys_share_one_job_wherever_they_stand() {
    let mut t = testing::drive(|| all([build(&head("site")).ignore(), build(&head("shop")).ignore()]));
    t.reads("head of site", "1a2b3c4".to_owned());
    t.reads("head of shop", "1a2b3c4".to_owned());
    assert_eq!(t.running(), ["build site@1a2b3c4"]);
    t.completes("build", "image:1");
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn so_is_one_that_is_used_twice_by_the_same() {
    let t = testing::drive(|| {
        let commit = labelled("commit", "1a2b3c4");
        commit.and(&commit).ignore()
    });
    let labels: Vec<_> = t.snapshot().nodes.iter().map(|node| node.label.clone()).collect();
    assert_eq!(labels.iter().filter(|label| *label == "commit").count(), 1, "{labels:?}");
}

/// It is a node of each element then, and of none that is gone.
#[test]
fn but_what_only_elements_use_is_seen_by_each_of_them() {
    let (diary, (grow, list)) = (Diary::default(), input("list", vec![0_u32]));
    let (set, factor) = input("factor", 1);
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let products = list.each("n", move |n| n.and(&factor).map(|(n, factor)| n * factor));
        seen.follow(&products)
    });
    for size in 1..40 {
        t.sets(&grow, (size..2 * size).collect());
        t.sets(&set, size + 1);
        let products: Vec<_> = (size..2 * size).map(|n| n * (size + 1)).collect();
        assert_eq!(diary.news().last(), Some(&format!("{products:?}")));
    }
}
