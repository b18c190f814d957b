//! Of several, a failure is told before what is going on, wherever it stands.

use ci_core::current::{Activity, Pending, active, all, constant, fail};
use ci_core::{Current, OpError, testing};

use crate::stand;

/// A box whose state is seen, and which has to be this.
fn seen(label: &'static str, expected: &'static str, current: &Current<()>) -> Current<()> {
    let shown = current.bind(label, |()| constant(()));
    shown.state().map(move |state: &Result<(), Pending>| {
        let state = state.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
        assert_eq!(state, expected);
    })
}

#[test]
fn pair_a_failure_is_told_before_an_activity() {
    let table = [
        ("Blocked-1", ["blocked"]),
        ("Blocked-2", ["blocked"]),
        ("Blocked-3", ["blocked"]),
        ("state", ["ok"]),
    ];
    let t = testing::drive(|| {
        let (ok, pending) = (constant(()), active(Activity::Running));
        let failed = fail(OpError::permanent("failed"));
        let of = |currents: &[&Current<()>]| all(currents.iter().map(|current| (*current).clone()));
        all([
            seen("Blocked-1", "failed: failed", &of(&[&ok, &pending, &failed])),
            seen("Blocked-2", "failed: failed", &of(&[&failed, &pending, &ok])),
            seen("Blocked-3", "running", &of(&[&pending, &ok])),
        ])
    });
    stand(&t, 1, &table);
    assert_eq!(t.outcome(), "ok");
}
