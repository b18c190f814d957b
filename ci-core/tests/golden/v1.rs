//! One after the other: a commit is fetched, built and tested.

use ci_core::testing::{self, Driven};

use crate::{build, fetch, head, stand, test};

fn driven() -> Driven {
    testing::drive(|| test(&build(&fetch(&head("123")))))
}

#[test]
fn v1_a_commit_is_tested() {
    let table = [
        ("head", ["ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok"]),
        ("build", ["blocked", "ok", "ok"]),
        ("test", ["blocked", "running", "ok"]),
    ];
    let mut t = driven();
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.completes("build", "image-src-123");
    stand(&t, 2, &table);
    t.completes("test", "");
    stand(&t, 3, &table);
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn v1c_a_test_is_cancelled() {
    let table = [
        ("head", ["ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok"]),
        ("build", ["blocked", "ok", "ok"]),
        ("test", ["blocked", "running", "failed: cancelled: by the test"]),
    ];
    let mut t = driven();
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.completes("build", "image-src-123");
    stand(&t, 2, &table);
    t.cancels("test");
    stand(&t, 3, &table);
    assert_eq!(t.outcome(), "failed: cancelled: by the test");
}
