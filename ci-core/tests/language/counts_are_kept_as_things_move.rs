use ci_core::current::{Counts, input};
use ci_core::{Level, OpError, testing};

use crate::words::{build, build_on, deploy, head};

#[test]
fn one_that_waits_for_a_person_is_not_counted_as_blocked() {
    let guarded = |engine: ci_core::Engine| engine.confirm(Some(Level::Average));
    let mut t = testing::drive_with(guarded, || deploy("web", &build(&head("site"))));
    t.reads("head of site", "1a2b3c4".to_owned());
    let counts = Counts { ok: 1, waiting_for_confirmation: 1, waiting: 1, ..Counts::default() };
    assert_eq!(t.counts(), counts);
    t.approves("build");
    assert_eq!(t.counts(), Counts { ok: 1, running: 1, waiting: 1, ..Counts::default() });
    t.fails("build", OpError::permanent("red"));
    assert_eq!(t.counts(), Counts { ok: 1, failed: 1, blocked: 1, ..Counts::default() });
}

#[test]
fn what_goes_is_not_counted_any_more() {
    let (set, list) = input("list", vec!["a".to_owned(), "b".to_owned()]);
    let mut t = testing::drive(move || list.each("n", |n| build_on("image", n)).ignore());
    assert_eq!(t.counts(), Counts { running: 2, ..Counts::default() });
    t.sets(&set, vec!["b".to_owned()]);
    assert_eq!(t.counts(), Counts { running: 1, ..Counts::default() });
    t.leaves_the_rest();
}
