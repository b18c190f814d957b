use ci_core::current::{Activity, active, all, constant, fail, join, list};
use ci_core::{Current, OpError, testing};

fn red(message: &str) -> Current<()> {
    fail(OpError::permanent(message))
}

#[test]
fn a_failure_rather_than_an_activity_and_the_first_of_each() {
    let busy = || active::<()>(Activity::Running);
    let queued = || active::<()>(Activity::Queued);
    let cases: [(Current<()>, Current<()>, &str); 6] = [
        (busy(), red("f"), "failed: f"),
        (red("1"), red("2"), "failed: 1"),
        (red("f"), busy(), "failed: f"),
        (busy(), queued(), "running"),
        (queued(), busy(), "queued"),
        (constant(()), busy(), "running"),
    ];
    for (a, b, told) in cases {
        assert_eq!(testing::drive(|| a.and(&b).ignore()).outcome(), told);
        assert_eq!(testing::drive(|| all([a.clone(), b.clone()])).outcome(), told);
        assert_eq!(testing::drive(|| list([a.clone(), b.clone()]).ignore()).outcome(), told);
        assert_eq!(testing::drive(|| join((&a, &constant(1), &b)).ignore()).outcome(), told);
    }
}
