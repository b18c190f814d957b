//! What stands in two contexts is drawn after both.

use ci_core::current::{labelled, within};
use ci_core::testing;

use crate::stand;

#[test]
fn context_what_stands_in_two_contexts_comes_after_both() {
    let table = [("a", ["ok"]), ("b", ["ok"]), ("c", ["ok"])];
    let t = testing::drive(|| {
        let (a, b) = (labelled("a", ()), labelled("b", ()));
        within(&a, || within(&b, || labelled("c", ())))
    });
    stand(&t, 1, &table);
    let nodes = &t.snapshot().nodes;
    let c = nodes.iter().find(|node| node.label == "c").expect("it is drawn");
    let mut before: Vec<&str> = c.context.iter().map(|at| &*nodes[*at].label).collect();
    before.sort_unstable();
    assert_eq!(before, ["a", "b"]);
}
