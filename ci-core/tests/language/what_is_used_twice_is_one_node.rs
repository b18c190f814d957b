use ci_core::current::{all, input};
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
