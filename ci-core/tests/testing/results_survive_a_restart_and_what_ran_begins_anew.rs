//! A test restarts the program: nothing that was done is done again, and what ran is asked again.

use ci_core::{Current, testing};

use crate::words::{build, deploy, head};

fn pipeline() -> Current<()> {
    deploy("web", &build(&head("site")))
}

#[test]
fn results_survive_a_restart_and_what_ran_begins_anew() {
    let mut t = testing::drive(pipeline);
    t.reads("head of site", "1".to_owned());
    t.completes("build", "image:1");
    t.restarts(pipeline);
    assert_eq!(t.asked(), ["update web (image:1)"], "the build is done");
    t.completes("web", ());
    t.restarts(pipeline);
    assert_eq!(t.asked(), [""; 0]);
    assert_eq!(t.outcome(), "ok");
    assert_eq!(t.trace(), ["build site@1", "update web (image:1)", "update web (image:1)"]);
}
