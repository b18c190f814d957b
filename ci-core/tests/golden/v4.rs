//! What is done with a commit is decided when its files are there.

use ci_core::current::{constant, fail};
use ci_core::{OpError, testing};

use crate::{build, fetch, head, stand, test};

#[test]
fn v4_the_rest_of_the_pipeline_depends_on_the_files() {
    let table = [
        ("head", ["ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok"]),
        ("custom-build", ["blocked", "ok", "ok"]),
        ("build", ["-", "ok", "ok"]),
        ("test", ["-", "running", "failed: Failed"]),
    ];
    let mut t = testing::drive(|| {
        fetch(&head("123")).bind("custom-build", |source| match &**source {
            "src-123" => test(&build(&constant(source.clone()))),
            _ => fail(OpError::permanent("Wrong hash!")),
        })
    });
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.completes("build", "image-src-123");
    stand(&t, 2, &table);
    t.fails("test", OpError::permanent("Failed"));
    stand(&t, 3, &table);
    assert_eq!(t.outcome(), "failed: Failed");
}
