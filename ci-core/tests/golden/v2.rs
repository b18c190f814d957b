//! What passes its test is pushed, once a person lets it.

use ci_core::{Engine, Level, testing};

use crate::{build, fetch, head, push, stand, test};

#[test]
fn v2_what_passes_its_test_is_pushed_when_a_person_lets_it() {
    let table = [
        ("head", ["ok", "ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok", "ok"]),
        ("build", ["blocked", "ok", "ok", "ok"]),
        ("test", ["blocked", "running", "ok", "ok"]),
        ("gate", ["blocked", "blocked", "ok", "ok"]),
        ("push foo/bar", ["blocked", "blocked", "waiting for confirmation", "ok"]),
    ];
    let guarded = |engine: Engine| engine.confirm(Some(Level::Dangerous));
    let mut t = testing::drive_with(guarded, || {
        let image = build(&fetch(&head("123")));
        push("foo/bar", &image.gate(&test(&image)))
    });
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.completes("build", "image-src-123");
    stand(&t, 2, &table);
    t.completes("test", "");
    stand(&t, 3, &table);
    t.confirms(None);
    t.completes("push foo/bar", ());
    stand(&t, 4, &table);
}
