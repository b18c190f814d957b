//! A test that forgets to answer something that began fails at its end, unless it says that it may be left.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ci_core::testing::{self, Driven};

use crate::words::{build, head};

/// How a test fails at its end that does this and no more.
fn failure(act: impl FnOnce(&mut Driven)) -> Option<String> {
    let test = || {
        let mut t = testing::drive(|| build(&head("site")).ignore());
        act(&mut t);
    };
    let panic = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(panic.downcast_ref::<String>().cloned().expect("it says why"))
}

fn left(what: &str) -> Option<String> {
    Some(format!("the test has left these without an answer: {what} (answer them, or say `leaves`)"))
}

#[test]
fn what_a_test_leaves_unanswered_fails_it() {
    assert_eq!(failure(|_| {}), left("head of site"));
    assert_eq!(failure(|t| t.leaves("head of site")), None);
    let commit = || "1".to_owned();
    assert_eq!(failure(|t| t.reads("head of site", commit())), left("build"));
    assert_eq!(failure(Driven::leaves_the_rest), None);
    assert_eq!(
        failure(|t| {
            t.reads("head of site", commit());
            t.completes("build", "image:1");
        }),
        None
    );
    assert_eq!(
        failure(|t| {
            t.reads("head of site", commit());
            t.leaves("build");
            t.reads("head of site", "2".to_owned());
        }),
        left("build"),
        "another build is another thing to answer"
    );
    assert_eq!(
        failure(|t| {
            t.reads("head of site", commit());
            t.completes("build", "image:1");
            t.refreshes("head of site");
        }),
        left("head of site")
    );
}

#[test]
fn but_a_test_that_has_failed_says_only_why() {
    let panic = failure(|t| panic!("{} first", t.states().len()));
    assert_eq!(panic.as_deref(), Some("2 first"));
}
