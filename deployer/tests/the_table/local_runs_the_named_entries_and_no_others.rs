//! The part of a table that somebody names, as `deployer local` takes it, is all that runs.

use ci_core::engine::NodeKind;
use deployer::{table as of_table, testing};

use super::table;

fn outside(names: &str) -> Vec<String> {
    let named = of_table::named(&table(), names).expect("the table has it");
    let mut t = testing::drive(named);
    t.leaves_the_rest();
    let nodes = t.snapshot().nodes.iter().filter(|node| node.kind != NodeKind::Combinator);
    nodes.map(|node| node.label.clone()).collect()
}

#[test]
fn local_runs_the_named_entries_and_no_others() {
    assert_eq!(
        outside("site"),
        [
            "head of live in https://example.org/site.git",
            "fetch live of site",
            "build Dockerfile",
            "push team/site:live",
            "service site_web",
        ]
    );
    assert_eq!(
        outside("example.org/wiki"),
        [
            "head of live in https://example.org/wiki.git",
            "fetch live of wiki",
            "build docker/Dockerfile",
            "push team/wiki:live",
            "service wiki_web on toxis",
            "head of staging in https://example.org/wiki.git",
            "fetch staging of wiki",
            "build docker/Dockerfile",
            "push team/wiki:staging",
        ]
    );
    assert_eq!(of_table::named(&table(), "blog").map(|_| ()).map_err(|e| e.to_string()), Err(
        "the table has no repository \"blog\"; it has https://example.org/site.git, https://example.org/wiki.git"
            .to_owned()
    ));
}
