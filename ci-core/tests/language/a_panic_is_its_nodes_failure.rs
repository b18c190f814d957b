use ci_core::current::{Activity, active, all, constant, input};
use ci_core::{Current, testing};

use crate::words::{build, head};
use crate::{Diary, Goes};

#[test]
fn of_a_function_a_body_an_element_and_a_key() {
    let (set, n) = input("n", 0_u32);
    let mut t = testing::drive(move || {
        let no = |n: &u32| assert_eq!(*n, 0, "boom");
        let function = n.map(no);
        let body = n.bind("body", move |n| {
            no(n);
            constant(())
        });
        let list = n.map(|n| vec![*n]);
        let element = list.each("element", move |n| n.map(no));
        let made = list.each_by(
            "made",
            |n| *n,
            |n| {
                n.bind("inner", |n: &u32| match n {
                    0 => constant(()),
                    _ => panic!("boom"),
                })
            },
        );
        let key = list
            .each_by(
                "key",
                move |n| {
                    no(n);
                    *n
                },
                |n| n.clone(),
            )
            .ignore();
        let cutoff = n.cutoff(move |_, n| *n == 0 || panic!("boom")).ignore();
        all([function, body, element.ignore(), made.ignore(), key, cutoff])
    });
    assert_eq!(t.outcome(), "ok");
    t.sets(&set, 1);
    assert!(t.outcome().starts_with("failed: "), "{}", t.outcome());
    let failed =
        t.states().into_iter().filter(|state| state.contains(": failed: ") && state.contains("boom"));
    assert_eq!(failed.count(), 6, "{:#?}", t.states());
    t.sets(&set, 0);
    assert_eq!(t.outcome(), "ok", "the engine lives: {:#?}", t.states());
}

#[test]
fn an_element_whose_body_panics_fails_alone() {
    let t = testing::drive(|| {
        let list = constant(vec![1, 2, 3]);
        list.each("n", |n| {
            assert!(format!("{n:?}").is_empty(), "no body");
            n.clone()
        })
        .ignore()
    });
    assert_eq!(t.outcome(), "failed: no body (hint: a closure of the pipeline panicked)");
}

#[test]
fn what_a_panicking_body_had_made_is_gone() {
    let diary = Diary::default();
    let seen = diary.clone();
    let (set, n) = input("n", 0);
    let mut t = testing::drive(move || {
        let diary = seen.clone();
        n.bind("body", move |n| {
            let part = Goes("one", diary.clone());
            let made = constant(*n).map(move |_| _ = &part);
            assert_eq!(*n, 0, "boom");
            made
        })
    });
    t.sets(&set, 1);
    assert_eq!(diary.news(), ["one goes", "one goes"], "the half of the new one, and the old one");
    assert!(t.outcome().contains("boom"));
}

#[test]
fn a_current_carried_out_of_its_list_is_refused_with_words() {
    let stolen = std::sync::Arc::new(std::sync::Mutex::new(None::<Current<u8>>));
    let thief = stolen.clone();
    let t = testing::drive(move || {
        constant(vec![1_u8])
            .each("n", move |n| {
                *thief.lock().unwrap() = Some(n.clone());
                n.clone()
            })
            .ignore()
    });
    let foreign = stolen.lock().unwrap().take().expect("it was made");
    drop(t);
    let t = testing::drive(move || constant(1).bind("part", move |_: &i32| foreign.clone()).ignore());
    assert_eq!(t.outcome(), "failed: 1: it belongs to another part of the pipeline, or to another engine");
}

#[test]
fn a_job_is_told_of_operations_only() {
    let mut t = testing::drive(|| {
        let image = build(&head("site"));
        let told = image.map(|image| image.len()).job().map(|job| assert!(job.to_string().contains("build")));
        all([told, image.ignore()])
    });
    assert_eq!(t.outcome(), "running");
    t.reads("head of site", "1a2b3c4".to_owned());
    let job = |t: &testing::Driven| {
        t.snapshot().nodes.iter().find(|node| node.label == "job").expect("there").state.to_string()
    };
    assert_eq!(job(&t), "ok", "it has a job though it has no value");
    t.completes("build", "image:1");
    assert_eq!(t.outcome(), "ok");
    let t = testing::drive(|| active::<u8>(Activity::Running).job().ignore());
    assert_eq!(t.outcome(), "failed: no operation: it has no job");
}
