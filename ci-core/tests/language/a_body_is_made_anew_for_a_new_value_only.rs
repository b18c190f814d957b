use std::sync::Arc;

use ci_core::current::{all, constant, input};
use ci_core::engine::{GroupKind, NodeKind};
use ci_core::{FailureKind, testing};

use crate::words::{build, deploy, head};
use crate::{Diary, Goes, failed, maybe};

#[test]
fn the_old_body_goes_when_the_new_one_is_there() {
    let (diary, (set, number)) = (Diary::default(), maybe("number", Ok(1_u32)));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let diary = seen.clone();
        let made = number.bind("part", move |n| {
            diary.note(format!("made for {n}"));
            let part = Arc::new(Goes("a part", diary.clone()));
            constant(*n).map(move |n| {
                let _ = &part;
                n + 1
            })
        });
        seen.states(&made)
    });
    assert_eq!(diary.news(), ["made for 1", "2"]);
    t.sets(&set, Ok(1));
    assert_eq!(diary.news(), Vec::<String>::new());
    t.sets(&set, Ok(5));
    assert_eq!(diary.news(), ["made for 5", "a part goes", "6"]);

    t.sets(&set, Err(failed(FailureKind::Transient, "away")));
    assert_eq!(diary.news(), ["failed: away"], "what was made stays");
    t.sets(&set, Ok(5));
    assert_eq!(diary.news(), ["6"], "and is not made again");
    t.sets(&set, Err(failed(FailureKind::Skipped, "none")));
    assert_eq!(diary.news(), ["a part goes", "failed: none"]);
}

#[test]
fn a_job_that_both_bodies_want_runs_on() {
    let (set, number) = input("number", 1);
    let mut t = testing::drive(move || {
        let commit = head("site");
        number
            .bind("part", move |n| {
                let of = *n;
                build(&commit.map(move |commit| commit.chars().skip(usize::from(of > 9)).collect()))
            })
            .ignore()
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    assert_eq!(t.running(), ["build site@1a2b3c4"]);
    t.sets(&set, 2);
    assert_eq!((t.running(), t.trace().len()), (vec!["build site@1a2b3c4".to_owned()], 1));
    t.completes("build", "image:1");
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn what_stands_outside_is_the_same_node_inside() {
    let (set, number) = input("number", 1);
    let mut t = testing::drive(move || {
        let image = build(&head("site"));
        let (inside, deployed) = (image.clone(), deploy("web", &image));
        all([deployed, number.bind("part", move |n| deploy(if *n == 1 { "one" } else { "two" }, &inside))])
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    t.completes("build", "image:1");
    t.completes("web", ());
    t.completes("one", ());
    t.sets(&set, 2);
    assert_eq!(t.running(), ["update two (image:1)"]);
    t.completes("two", ());
    let builds = t.snapshot().nodes.iter().filter(|node| node.label == "build").count();
    assert_eq!((t.outcome(), builds), ("ok".to_owned(), 1));
}

#[test]
fn bodies_may_hold_bodies() {
    let (diary, (outer, a), (inner, b)) = (Diary::default(), input("a", 1), input("b", 10));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let diary = seen.clone();
        let sum = a.bind("outer", move |a| {
            let (a, diary) = (*a, diary.clone());
            b.bind("inner", move |b| {
                diary.note(format!("inner for {a} and {b}"));
                constant(a + b)
            })
        });
        seen.follow(&sum)
    });
    assert_eq!(diary.news(), ["inner for 1 and 10", "11"]);
    t.sets(&inner, 20);
    assert_eq!(diary.news(), ["inner for 1 and 20", "21"]);
    t.sets(&outer, 2);
    assert_eq!(diary.news(), ["inner for 2 and 20", "22"]);
    outer.set(3);
    t.sets(&inner, 30);
    assert_eq!(diary.news(), ["inner for 3 and 30", "33"], "the old inner body does not see the new value");
}

#[test]
fn a_bind_is_shown_before_its_body_was_ever_made() {
    let mut t = testing::drive(|| {
        build(&head("site")).bind("deploy", |image| deploy("web", &constant(image.clone())))
    });
    let bind = |t: &testing::Driven| {
        let nodes = &t.snapshot().nodes;
        nodes.iter().find(|node| node.kind == NodeKind::Bind).expect("shown").clone()
    };
    assert_eq!((&*bind(&t).label, bind(&t).hidden, t.snapshot().groups.len()), ("deploy", false, 0));
    assert_eq!(t.state("deploy"), "waiting for head of site");
    t.reads("head of site", "1a2b3c4".to_owned());
    t.completes("build", "image:1");
    let snapshot = t.snapshot().clone();
    assert_eq!((snapshot.groups[0].kind, snapshot.groups[0].owner), (GroupKind::Body, bind(&t).id));
    let service = snapshot.nodes.iter().find(|node| node.label == "service web").expect("made");
    assert_eq!(service.group, Some(0));
    t.completes("web", ());
    assert_eq!(t.outcome(), "ok");
}
