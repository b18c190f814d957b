//! A value is used on while it is read again.

use ci_core::current::monitor_with;
use ci_core::testing;

use crate::{Head, fetch, head, stand};

#[test]
fn latch_the_old_value_serves_until_the_new_one_is_there() {
    let table = [
        ("head", ["ok", "ok", "ok", "ok"]),
        ("fetch", ["running", "ok", "ok", "ok"]),
        ("pull alpine", ["running", "ok", "ok", "ok"]),
        ("and", ["blocked", "ok", "ok", "ok"]),
    ];
    let mut t = testing::drive(|| {
        let base = monitor_with("pull alpine", |_| Ok(Head("pull alpine")));
        base.and(&fetch(&head())).ignore()
    });
    t.reads("head", "123".to_owned());
    stand(&t, 1, &table);
    t.completes("fetch", "src-123");
    t.reads("pull alpine", "alpine:3.10".to_owned());
    stand(&t, 2, &table);
    t.refreshes("pull alpine");
    stand(&t, 3, &table);
    t.reads("pull alpine", "alpine:3.11".to_owned());
    stand(&t, 4, &table);
}
