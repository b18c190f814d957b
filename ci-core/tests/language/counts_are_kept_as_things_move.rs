use ci_core::current::{Counts, all, input};
use ci_core::{FailureKind, Level, OpError, testing};

use crate::words::{build, build_on, deploy, head};

#[test]
fn one_that_waits_for_a_person_is_not_counted_as_blocked() {
    let guarded = |engine: ci_core::Engine| engine.confirm(Some(Level::Average));
    let mut t = testing::drive_with(guarded, || {
        let image = build(&head("site"));
        all([deploy("web", &image), deploy("api", &image)])
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    let counts = Counts { ok: 1, waiting_for_confirmation: 1, waiting: 2, ..Counts::default() };
    assert_eq!(t.counts(), counts);
    t.approves("build");
    assert_eq!(t.counts(), Counts { ok: 1, running: 1, waiting: 2, ..Counts::default() });
    t.fails("build", OpError::permanent("red"));
    assert_eq!(t.counts(), Counts { ok: 1, failed: 1, blocked: 2, ..Counts::default() });
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

#[test]
fn what_does_not_apply_is_no_failure_and_blocks_nothing() {
    let mut t = testing::drive(|| deploy("web", &build(&head("site"))));
    t.reads("head of site", "1a2b3c4".to_owned());
    t.fails("build", OpError::new(FailureKind::Skipped, "nothing changed"));
    assert_eq!(t.counts(), Counts { ok: 1, skipped: 2, ..Counts::default() });
}
