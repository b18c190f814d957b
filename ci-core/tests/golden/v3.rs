//! Three platforms are built and tested; none is pushed unless all tests pass.

use ci_core::current::all;
use ci_core::{OpError, testing};

use crate::{fetch, head, make, push, stand};

const PLATFORMS: [(&str, &str, &str); 3] = [
    ("build-lin", "test-lin", "foo/lin"),
    ("build-mac", "test-mac", "foo/mac"),
    ("build-win", "test-win", "foo/win"),
];

#[test]
fn v3_no_platform_is_pushed_unless_all_tests_pass() {
    let table = [
        ("head", ["ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok"]),
        ("build-lin", ["blocked", "ok", "ok"]),
        ("test-lin", ["blocked", "running", "ok"]),
        ("build-mac", ["blocked", "ok", "ok"]),
        ("test-mac", ["blocked", "running", "running"]),
        ("build-win", ["blocked", "ok", "ok"]),
        ("test-win", ["blocked", "running", "failed: Missing DLL"]),
        ("gate", ["blocked", "blocked", "blocked"]),
        ("push foo/lin", ["blocked", "blocked", "blocked"]),
        ("push foo/mac", ["blocked", "blocked", "blocked"]),
        ("push foo/win", ["blocked", "blocked", "blocked"]),
    ];
    let mut t = testing::drive(|| {
        let source = fetch(&head("123"));
        let images = PLATFORMS.map(|(build, test, tag)| (make(build, &source), test, tag));
        let tested = all(images.each_ref().map(|(image, test, _)| make(test, image).ignore()));
        all(images.map(|(image, _, tag)| push(tag, &image.gate(&tested))))
    });
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    for (build, ..) in PLATFORMS {
        t.completes(build, format!("{build}-image-src-123"));
    }
    stand(&t, 2, &table);
    t.completes("test-lin", "");
    t.fails("test-win", OpError::permanent("Missing DLL"));
    stand(&t, 3, &table);
    assert_eq!(t.state("push foo/lin"), "blocked by test-win");
    assert_eq!(t.outcome(), "failed: Missing DLL", "although a test is still running");
    t.leaves("test-mac");
}
