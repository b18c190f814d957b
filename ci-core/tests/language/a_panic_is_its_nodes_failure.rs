use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use ci_core::current::{Activity, active, all, build_with, constant, input, monitor_with};
use ci_core::{Current, testing};

use crate::words::{Never, build, head};
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

/// Whatever place it has there: both engines make the same nodes in the same order.
#[test]
fn one_of_another_engine_is_refused_where_that_has_one_of_its_own() {
    let given = Arc::new(Mutex::new(VecDeque::<Current<u8>>::new()));
    let drive = |take: bool| {
        let given = given.clone();
        testing::drive(move || {
            let each = constant(vec![1_u8]).each("n", move |n| {
                let mut given = given.lock().unwrap();
                match take {
                    true => given.pop_front().expect("the other made as many"),
                    false => {
                        given.push_back(n.clone());
                        n.clone()
                    }
                }
            });
            each.ignore()
        })
    };
    assert_eq!(drive(false).outcome(), "ok");
    let told = "failed: 1: it belongs to another part of the pipeline, or to another engine";
    assert_eq!(drive(true).outcome(), told);
}

#[test]
fn a_current_of_another_element_is_refused_too() {
    let stolen = std::sync::Arc::new(std::sync::Mutex::new(None::<Current<u8>>));
    let t = testing::drive(move || {
        let each = constant(vec![1_u8, 2]).each("n", move |n| {
            let mut stolen = stolen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            stolen.replace(n.clone()).unwrap_or(n.clone())
        });
        each.ignore()
    });
    let told = "it belongs to another part of the pipeline, or to another engine";
    assert!(t.outcome().ends_with(told), "{}", t.outcome());
}

/// A value whose equality panics where it is odd.
#[derive(Clone, Debug)]
struct Touchy(u32);

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        assert!(self.0.is_multiple_of(2) && other.0.is_multiple_of(2), "not to be compared");
        self.0 == other.0
    }
}

#[test]
fn of_a_type_it_is_told_too_and_what_came_of_it_is_not_called_fine() {
    let (set, n) = input("n", 0_u32);
    let mut t = testing::drive(move || n.map(|n| Touchy(*n)).map(|touchy| touchy.0).ignore());
    assert_eq!(t.outcome(), "ok");
    t.sets(&set, 3);
    let states = t.states();
    assert!(states.contains(&"map: failed: panicked: not to be compared (hint: a type that the pipeline uses panicked: its equality, its clone, or its form)".to_owned()), "{states:#?}");
    assert_eq!(t.doubts(), 1);
    t.sets(&set, 4);
    assert_eq!((t.outcome(), t.doubts()), ("ok".to_owned(), 0), "{:#?}", t.states());
}

/// A key whose comparisons panic once, when so many were made.
#[derive(Clone)]
struct Fused(u32, Arc<AtomicI64>);

impl Ord for Fused {
    fn cmp(&self, other: &Self) -> Ordering {
        assert_ne!(self.1.fetch_sub(1, Relaxed), 1, "not to be compared");
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Fused {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fused {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Fused {}

impl std::fmt::Display for Fused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[test]
fn wherever_a_list_is_cut_short_by_its_keys_it_is_never_a_mixture_of_two() {
    const NEVER: i64 = i64::MAX;
    let cut_after = |comparisons: i64| {
        let (fuse, diary) = (Arc::new(AtomicI64::new(NEVER)), Diary::default());
        let (set, list) = input("list", vec![1, 2]);
        let (its, seen) = (fuse.clone(), diary.clone());
        let mut t = testing::drive(move || {
            let made = list.each_by("n", move |n| Fused(*n, its.clone()), |n| n.map(|n| n * 10));
            seen.follow(&made)
        });
        fuse.store(comparisons, Relaxed);
        t.sets(&set, vec![3, 1, 4, 3, 5]);
        let was_cut = fuse.swap(NEVER, Relaxed) < 1;
        t.sets(&set, vec![5, 5]);
        assert_eq!(t.outcome(), "ok", "cut after {comparisons}: {:#?}", t.states());
        let seen = diary.news();
        let all = ["[10, 20]", "[30, 10, 40, 30, 50]", "[50, 50]"];
        assert!(seen.iter().all(|list| all.contains(&list.as_str())), "cut after {comparisons}: {seen:?}");
        was_cut
    };
    let cuts = (1..1000).take_while(|comparisons| cut_after(*comparisons)).count();
    assert!((10..999).contains(&cuts), "{cuts} comparisons were made");
}

/// A value that can't be copied where it is odd.
#[derive(Debug, PartialEq)]
struct Sticky(u32);

impl Clone for Sticky {
    fn clone(&self) -> Self {
        assert!(self.0.is_multiple_of(2), "not to be copied");
        Self(self.0)
    }
}

#[test]
fn all_looks_at_every_member_when_one_could_not_be_looked_at() {
    let (set, first) = input("first", Sticky(1));
    let mut t = testing::drive(move || {
        let red = || ci_core::current::fail(ci_core::OpError::permanent("red"));
        all([first.ignore(), red()])
    });
    assert!(t.outcome().starts_with("failed: panicked: not to be copied"), "{}", t.outcome());
    t.sets(&set, Sticky(2));
    assert_eq!(t.outcome(), "failed: red", "the second had told what it is while the first had no value");
}

#[test]
fn a_key_that_cannot_be_shown_harms_nobody() {
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Short(&'static str);

    impl std::fmt::Display for Short {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.0[..4])
        }
    }

    let (set, list) = input("list", vec![Short("main")]);
    let mut t = testing::drive(move || list.each("branch", |branch| branch.map(|b| b.0.len())).ignore());
    t.sets(&set, vec![Short("main"), Short("x")]);
    assert_eq!(t.outcome(), "ok", "{:#?}", t.states());
    let shown = t.snapshot().groups.iter().map(|group| group.label.clone()).collect::<Vec<_>>();
    assert!(shown.contains(&"(a key that can't be shown)".to_owned()), "{shown:?}");
}

#[test]
fn a_body_that_needs_what_is_not_bound_does_nothing_at_all() {
    #[derive(Clone)]
    struct Client;
    struct Needy;

    impl ci_core::Bind for Needy {
        fn bind(bindings: &ci_core::Bindings, on: &str) -> Result<Self, ci_core::Unbound> {
            bindings.get::<Client>(on).map(|_| Self)
        }
    }

    impl ci_core::Builder for Needy {
        const ID: ci_core::OpId = ci_core::OpId::new("needy");
        const DOES: &'static str = "need";
        const AUTO_CANCEL: bool = true;
        type Key = String;
        type Value = ();

        fn level(&self, _: &String) -> ci_core::Level {
            ci_core::Level::Harmless
        }

        async fn build(&self, _: &ci_core::Job, _: &String) -> Result<(), ci_core::OpError> {
            unreachable!("nothing is bound")
        }
    }

    struct NeedyHead;

    impl ci_core::Monitor for NeedyHead {
        type Value = u8;
        type Watch = Never;

        fn label(&self) -> String {
            "needy".to_owned()
        }

        async fn watch(&self) -> Never {
            unreachable!("nothing is bound")
        }

        async fn read(&self) -> Result<u8, ci_core::OpError> {
            unreachable!("nothing is bound")
        }
    }

    let operation = |n: &Current<String>| build_with(n, "", "needy", |_: &Needy, n: &String| n.clone());
    let monitor =
        |_: &Current<String>| monitor_with("needy", |all| all.get::<Client>("").map(|_| NeedyHead)).ignore();
    for needy in [operation as fn(&Current<String>) -> Current<()>, monitor] {
        let t = testing::drive(|| {
            let list = constant(vec!["a".to_owned()]);
            list.each("n", move |n| all([build(n).ignore(), needy(n)])).ignore()
        });
        assert_eq!(t.running(), Vec::<String>::new(), "not half of it");
        assert!(t.outcome().starts_with("failed: needy: the engine has no Client"), "{}", t.outcome());
    }
}

#[test]
fn a_body_made_of_what_it_is_to_become_is_refused() {
    let own = std::sync::Arc::new(std::sync::OnceLock::<Current<u8>>::new());
    let told = own.clone();
    let t = testing::drive(move || {
        let bound = constant(1_u8).bind("part", move |_| told.get().expect("set below").map(|n| n + 1));
        own.set(bound.clone()).expect("once");
        bound.ignore()
    });
    assert!(t.outcome().starts_with("failed: "), "{}", t.outcome());
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
    let tested = build(&constant("1a2b3c4".to_owned()));
    let pair = constant(1_u8).and(&constant(2)).map(|_| 3);
    for other in [active(Activity::Running), pair, constant(1).gate(&tested)] {
        let mut t = testing::drive(move || other.job().ignore());
        assert_eq!(t.outcome(), "failed: no operation: it has no job");
        t.leaves_the_rest();
    }
}
