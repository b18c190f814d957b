//! A test that expects what is not so is told what is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ci_core::OpError;
use ci_core::current::all;
use ci_core::testing::{self, Driven};

use crate::words::{build, build_on, deploy, head};

/// What a test is told that does this.
fn told(t: &mut Driven, act: impl FnOnce(&mut Driven)) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| act(t))).expect_err("the expectation is wrong");
    panic.downcast_ref::<String>().cloned().expect("it says why")
}

#[test]
fn a_wrong_expectation_says_what_there_is() {
    let mut t = testing::drive(|| {
        let (site, wiki) = (head("site"), head("wiki"));
        all([deploy("web", &build(&site)), build_on("build of wiki", &wiki).ignore()])
    });
    assert_eq!(
        told(&mut t, |t| t.completes("build", "image:1")),
        r#"nothing called "build" is running (build is waiting for head of site); nothing is"#
    );
    assert_eq!(
        told(&mut t, |t| t.reads("head of sight", "1".to_owned())),
        r#"nothing called "head of sight" is a monitor; there are: head of site, head of wiki"#
    );
    assert_eq!(told(&mut t, |t| t.reads("site", 1)), r#""head of site" reads a String, not a i32"#);
    assert_eq!(
        told(&mut t, |t| t.reads("head of", "1".to_owned())),
        r#""head of" may be one of several: head of site, head of wiki"#
    );
    t.reads("head of site", "1".to_owned());
    t.reads("head of wiki", "2".to_owned());
    assert_eq!(
        told(&mut t, |t| t.completes("biuld", "image:1")),
        r#"nothing called "biuld" is running; there are: build, build of wiki"#
    );
    assert_eq!(
        told(&mut t, |t| t.completes("build", 7)),
        r#""build site@1" gives a String, and 7 is none: invalid type: integer `7`, expected a string"#
    );
    assert_eq!(t.state("build"), "running", "it can still be answered");
    assert_eq!(
        told(&mut t, |t| t.approves("build")),
        r#""build" can't be approved: "#.to_owned() + &refusal(&t, "build")
    );
    assert_eq!(
        told(&mut t, |t| _ = t.state("cloud")),
        r#"nothing called "cloud" is in the pipeline; there are: head of site, build, service web, head of wiki, build of wiki, map, all"#
    );
    t.fails("build", OpError::permanent("no compiler"));
    t.fails("build of wiki", OpError::permanent("no compiler, either"));
}

fn refusal(t: &Driven, label: &str) -> String {
    let snapshot = t.snapshot();
    let job = snapshot.nodes.iter().find(|node| node.label == label).and_then(|node| node.job.clone());
    format!("job {} does not wait for confirmation", job.expect("it runs"))
}
