//! An error may be as long as a log; what a picture says of it has an end.

use ci_core::picture::TOOLTIP_MAX;

use crate::support::{Pipeline, drawn_by_graphviz};

#[test]
fn a_long_error_is_cut_to_4096_characters() {
    let mut it = Pipeline::default();
    let node = it.op("build", &[]);
    it.fail(node, &"é".repeat(10_000));
    let picture = it.picture();
    let tooltip = &picture.boxes().next().expect("a box").tooltip;
    assert_eq!((tooltip.chars().count(), TOOLTIP_MAX), (4096, 4096));
    assert!(tooltip.starts_with("failed: éé") && tooltip.ends_with("é…"));
    assert!(picture.dot().contains(tooltip.as_str()));
    drawn_by_graphviz(&picture.dot());
}

#[test]
fn a_short_error_is_told_whole() {
    let mut it = Pipeline::default();
    let node = it.op("build", &[]);
    it.fail(node, "step 3/4 failed");
    assert_eq!(it.picture().boxes().next().expect("a box").tooltip, "failed: step 3/4 failed");
}
