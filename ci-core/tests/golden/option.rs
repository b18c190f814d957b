//! A linter runs if the files ask for one; before that is known, and if not, people see what would be run.

use ci_core::current::constant;
use ci_core::testing::{self, Driven};

use crate::{fetch, head, stand};

fn driven(linter: Option<&'static str>) -> Driven {
    testing::drive(move || {
        let source = fetch(&head("123"));
        let asked = source.bind("analyse", move |_| constant(linter));
        asked.map_some("linter", move |linter| source.and(linter).bind("lint", |_| constant(()))).ignore()
    })
}

#[test]
fn option_some_the_linter_runs() {
    let table = [
        ("head", ["ok", "ok"]),
        ("fetch", ["running", "ok"]),
        ("analyse", ["blocked", "ok"]),
        ("lint", ["blocked", "ok"]),
    ];
    let mut t = driven(Some("ocamlformat"));
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    stand(&t, 2, &table);
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn option_none_what_would_run_is_seen() {
    let table = [
        ("head", ["ok", "ok"]),
        ("fetch", ["running", "ok"]),
        ("analyse", ["blocked", "ok"]),
        ("lint", ["blocked", "blocked"]),
    ];
    let mut t = driven(None);
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    stand(&t, 2, &table);
    assert_eq!(t.outcome(), "ok");
}
