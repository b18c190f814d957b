//! A value is used on while it is read again.

use std::time::Duration;

use ci_core::testing;

use crate::{fetch, head, make, pull, stand};

#[test]
fn latch_the_old_value_serves_until_the_new_one_is_there() {
    let table = [
        ("head", ["ok", "ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok", "ok"]),
        ("pull alpine", ["running", "ok", "ok, running anew", "ok"]),
        ("test", ["blocked", "ok", "ok", "ok"]),
    ];
    let mut t = testing::drive(|| {
        let base = pull("alpine");
        make("test", &base.and(&fetch(&head("123"))).map(|(base, source)| format!("{base} {source}")))
            .ignore()
    });
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.reads("pull alpine", "alpine:3.10".to_owned());
    t.completes("test", "");
    stand(&t, 2, &table);
    t.refreshes("pull alpine");
    // Not told before it takes a while.
    t.advances(Duration::from_secs(1));
    stand(&t, 3, &table);
    t.reads("pull alpine", "alpine:3.11".to_owned());
    assert_eq!(t.asked(), ["make test alpine:3.11 src-123"]);
    t.completes("test", "");
    stand(&t, 4, &table);
}
