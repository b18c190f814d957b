//! Until the outcome of the newer value is there. Another place has none before.

use ci_core::current::{Input, input, publish_with};
use ci_core::{Bind, Bindings, Current, DEFAULT, Job, Level, OpError, OpId, Publisher, Unbound, testing};

/// Tests a commit with a toolchain: what is known of the one before says more than nothing.
struct Check;

impl Bind for Check {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self)
    }
}

impl Publisher for Check {
    const ID: OpId = OpId::new("check");
    const DOES: &'static str = "check";
    const LATCHED: bool = true;
    type Key = String;
    type Value = String;
    type Outcome = String;

    fn level(&self, _: &String) -> Level {
        Level::Average
    }

    async fn publish(&self, _: &Job, _: &String, _: &String) -> Result<String, OpError> {
        unreachable!("because a test says what comes of it")
    }
}

fn check(commit: &Current<String>, toolchain: &Current<String>) -> Current<String> {
    publish_with(&commit.and(toolchain), DEFAULT, "check", |_: &Check, (commit, toolchain)| {
        (commit.clone(), toolchain.clone())
    })
}

struct Bench {
    commit: (Input<String>, Current<String>),
    toolchain: (Input<String>, Current<String>),
}

impl Bench {
    fn new() -> Self {
        Self { commit: input("commit", "c1".to_owned()), toolchain: input("toolchain", "t1".to_owned()) }
    }

    fn pipeline(&self) -> impl FnOnce() -> Current<()> + use<> {
        let checked = check(&self.commit.1, &self.toolchain.1);
        move || checked.map(|found| format!("told: {found}")).ignore()
    }
}

#[test]
fn until_there_is_one_of_the_newer_value_but_for_another_place_there_is_none() {
    let bench = Bench::new();
    let mut t = testing::drive(bench.pipeline());
    t.completes("check", "good with t1");
    t.sets(&bench.toolchain.0, "t2".to_owned());
    assert_eq!(t.asked(), ["check c1 (t2)"]);
    assert_eq!((t.state("check"), t.outcome()), ("ok, running anew".to_owned(), "ok".to_owned()));

    t.sets(&bench.toolchain.0, "t3".to_owned());
    t.fails("check", OpError::permanent("of t2"));
    assert_eq!(t.asked(), ["check c1 (t3)"]);
    assert_eq!(t.state("check"), "ok, running anew", "of what nobody wants any more nothing is told");
    t.completes("check", "good with t3");
    assert_eq!(t.state("check"), "ok");

    t.sets(&bench.commit.0, "c2".to_owned());
    assert_eq!(t.state("check"), "running");
    t.fails("check", OpError::permanent("2 of 30 tests fail"));
    assert_eq!(t.outcome(), "failed: 2 of 30 tests fail");
}

#[test]
fn also_if_it_failed_and_over_a_restart() {
    let bench = Bench::new();
    let mut t = testing::drive(bench.pipeline());
    t.fails("check", OpError::permanent("2 of 30 tests fail"));
    t.sets(&bench.toolchain.0, "t2".to_owned());
    assert_eq!(t.state("check"), "failed: 2 of 30 tests fail, running anew");
    t.restarts(bench.pipeline());
    assert_eq!(t.asked(), ["check c1 (t2)"]);
    assert_eq!(t.state("check"), "failed: 2 of 30 tests fail, running anew");
    t.completes("check", "good with t2");
    assert_eq!((t.state("check"), t.outcome()), ("ok".to_owned(), "ok".to_owned()));

    t.sets(&bench.toolchain.0, "t3".to_owned());
    t.restarts(bench.pipeline());
    assert_eq!((t.state("check"), t.outcome()), ("ok, running anew".to_owned(), "ok".to_owned()));
    t.fails("check", OpError::permanent("1 of 30 tests fails"));
    assert_eq!(t.state("check"), "failed: 1 of 30 tests fails");
}
