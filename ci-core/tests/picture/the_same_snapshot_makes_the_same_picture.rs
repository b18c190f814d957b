//! Byte for byte, in every form.

use ci_core::engine::NodeKind;
use proptest::prelude::*;

use crate::support::Pipeline;

/// Pipelines of all kinds of nodes, in lists of lists.
fn pipelines() -> impl Strategy<Value = Pipeline> {
    prop::collection::vec((0..7u8, 0..40usize, 0..40usize, any::<bool>()), 1..60).prop_map(|steps| {
        let mut it = Pipeline::default();
        let root = it.head("root");
        for (n, (kind, one, other, fails)) in steps.into_iter().enumerate() {
            let count = it.snapshot.nodes.len();
            let (one, other) = (one % count, other % count);
            let label = format!("step {n}");
            let node = match kind {
                0 => it.head(&label),
                1 => it.op(&label, &[one]),
                2 => it.op(&label, &[one, other]),
                3 => it.gate(one, other),
                4 => it.collapse(("key", ["a", "b"][one % 2]), one, &[root]),
                5 => it.hidden("all", &[one, other]),
                _ => it.list("list", one, &["x", "y"], |it, item| {
                    let made = it.op("make", &[item]);
                    it.add(NodeKind::Bind, "bind", &[made])
                }),
            };
            if fails {
                it.fail(node, "no");
            }
        }
        it
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_snapshot_makes_the_same_bytes(it in pipelines()) {
        let (one, other) = (it.picture(), it.picture());
        prop_assert_eq!(one.dot(), other.dot());
        prop_assert_eq!(one.mermaid(), other.mermaid());
        prop_assert_eq!(one.json(), other.json());
        // Whatever it is, what it says of itself holds.
        for edge in &one.edges {
            prop_assert!(edge.from < edge.to && edge.to < one.points.len());
        }
        for (at, cluster) in one.clusters.iter().enumerate() {
            prop_assert!(cluster.parent.is_none_or(|parent| parent < at));
        }
    }
}
