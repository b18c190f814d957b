use ci_core::current::{Activity, active, all, constant, fail, labelled};
use ci_core::{OpError, testing};

use crate::Diary;

#[test]
fn it_is_there_at_the_first_step_and_stays() {
    let diary = Diary::default();
    let seen = diary.clone();
    let mut t = testing::drive(move || all([seen.follow(&constant(3)), seen.follow(&labelled("four", 4))]));
    assert_eq!((diary.news(), t.state("four")), (vec!["3".into(), "4".into()], "ok".to_owned()));
    t.advances(std::time::Duration::from_secs(3600));
    assert_eq!(diary.news(), Vec::<String>::new());
}

#[test]
fn a_failure_is_its_own_node() {
    let t = testing::drive(|| fail::<u8>(OpError::permanent("m")).ignore());
    assert_eq!(t.states()[0], "constant: failed: m");
    assert!(!t.snapshot().nodes[0].hidden, "people are to see it");
    assert_eq!(t.outcome(), "failed: m");
}

#[test]
fn nothing_is_made_of_what_is_only_active() {
    let diary = Diary::default();
    let seen = diary.clone();
    let t = testing::drive(move || seen.follow(&active::<u8>(Activity::Queued)));
    assert_eq!((t.outcome(), diary.news()), ("queued".to_owned(), vec![]));
}
