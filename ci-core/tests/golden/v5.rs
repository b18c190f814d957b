//! When a package passes its test, everything that depends on it is tested, too.

use ci_core::Current;
use ci_core::engine::GroupKind;
use ci_core::testing::{self, Driven};

use crate::{build, fetch, head, make, stand, test};

/// What depends on the package, one in each line.
fn revdeps(source: &Current<String>) -> Current<Vec<String>> {
    make("get-revdeps", source).map(|found| found.lines().map(str::to_owned).collect())
}

fn driven(commit: &'static str) -> Driven {
    testing::drive(move || {
        let source = fetch(&head(commit));
        let tested = test(&build(&source));
        let revdeps = revdeps(&source).gate(&tested);
        let tests = revdeps.each("revdep", |revdep| {
            make("test-revdep", &make("build-revdep", &make("fetch-revdep", revdep)))
        });
        tests.ignore()
    })
}

#[test]
fn v5_what_depends_on_the_package_is_tested_when_it_passes() {
    let table = [
        ("head", ["ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok"]),
        ("build", ["blocked", "ok", "ok"]),
        ("test", ["blocked", "running", "ok"]),
        ("get-revdeps", ["blocked", "ok", "ok"]),
        ("gate", ["blocked", "blocked", "ok"]),
        ("(each item)", ["blocked", "blocked", "-"]),
        ("fetch-revdep", ["blocked", "blocked", "running"]),
        ("build-revdep", ["blocked", "blocked", "blocked"]),
        ("test-revdep", ["blocked", "blocked", "blocked"]),
    ];
    let mut t = driven("123");
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.completes("build", "image-src-123");
    t.completes("get-revdeps", "example.org/foo#111\nexample.org/bar#222");
    stand(&t, 2, &table);
    t.completes("test", "");
    stand(&t, 3, &table);
    assert_eq!(t.asked(), ["make fetch-revdep example.org/foo#111", "make fetch-revdep example.org/bar#222"]);
    // There each has a box of its own, which is always green; here a frame.
    let frames = t.snapshot().groups.iter().filter(|group| group.kind == GroupKind::Element);
    let frames: Vec<&str> = frames.map(|group| &*group.label).collect();
    assert_eq!(frames, ["example.org/foo#111", "example.org/bar#222"]);
    t.leaves_the_rest();
}

#[test]
fn v5n_nothing_depends_on_the_package() {
    let table = [
        ("head", ["ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok"]),
        ("build", ["blocked", "ok", "ok"]),
        ("test", ["blocked", "running", "ok"]),
        ("get-revdeps", ["blocked", "ok", "ok"]),
        ("gate", ["blocked", "blocked", "ok"]),
        ("(each item)", ["blocked", "blocked", "-"]),
        ("(empty list)", ["-", "-", "blocked"]),
        ("fetch-revdep", ["blocked", "blocked", "blocked"]),
        ("build-revdep", ["blocked", "blocked", "blocked"]),
        ("test-revdep", ["blocked", "blocked", "blocked"]),
    ];
    let mut t = driven("456");
    stand(&t, 1, &table);
    t.completes("fetch", "src-456");
    t.completes("build", "image-src-456");
    t.completes("get-revdeps", "");
    stand(&t, 2, &table);
    t.completes("test", "");
    stand(&t, 3, &table);
    assert_eq!(t.outcome(), "ok");
}
