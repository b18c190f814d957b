//! A head that is read again and has not moved asks nothing, nor does a restart.

use std::time::Duration;

use deployer::testing;

use super::{site, table};

#[test]
fn the_same_commit_again_asks_nothing() {
    let table = table()[..1].to_vec();
    let mut t = testing::drive(table.clone());
    let commit = site("1a2b3c4d");
    let pushed = super::site_up_to_push(&mut t, &commit);
    t.completes("push", &pushed);
    t.completes("site_web", testing::deployed("site_web", &pushed));
    assert_eq!(t.outcome(), "ok");

    t.reads("head of live", commit.clone());
    assert_eq!((t.asked().len(), t.outcome()), (0, "ok".to_owned()));
    t.advances(Duration::from_secs(24 * 60 * 60));
    assert_eq!((t.asked().len(), t.outcome()), (0, "ok".to_owned()));
    t.restarts(|| testing::meant(&table));
    assert_eq!((t.asked().len(), t.outcome()), (0, "ok".to_owned()));
}
