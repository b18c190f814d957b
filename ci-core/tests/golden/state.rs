//! What is told of something else's state needs no value of it, and no box in between.

use ci_core::current::{Activity, Pending, active, constant};
use ci_core::testing;

use crate::stand;

#[test]
fn state_a_status_is_set_of_what_has_no_value_yet() {
    let table = [("set-status", ["ok"]), ("state", ["-"])];
    let t = testing::drive(|| {
        active::<()>(Activity::Queued).state_hidden().bind("set-status", |state| {
            assert_eq!(*state, Err(Pending::Active(Activity::Queued)));
            constant(())
        })
    });
    stand(&t, 1, &table);
    assert_eq!(t.outcome(), "ok");
}
