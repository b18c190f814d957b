//! Two branches of one repository are two deployments: what becomes of one is nothing to the other.

use ci_core::OpError;
use deployer::testing;

use super::{WIKI, table};

#[test]
fn each_branch_goes_its_own_way() {
    let mut t = testing::drive(table()[1..].to_vec());
    let (live, staging) = (testing::commit(WIKI, "live", "1111"), testing::commit(WIKI, "staging", "2222"));
    t.reads("head of staging", staging.clone());
    t.completes("fetch staging", &staging);
    t.reads("head of live", live.clone());
    t.completes("fetch live", &live);
    assert_eq!(
        t.running(),
        ["build docker/Dockerfile of wiki@22220000", "build docker/Dockerfile of wiki@11110000"]
    );
    t.fails("wiki@11110000", OpError::permanent("no such file: page.md"));
    let image = testing::built(&staging);
    t.completes("wiki@22220000", &image);
    assert_eq!(t.asked(), [format!("push to registry.test/team/wiki:staging ({})", image.id)]);
    t.completes("push", testing::pushed("team/wiki", &image));
    assert_eq!(t.state("push team/wiki:staging"), "ok");
    assert_eq!(t.state("wiki_web"), "blocked by build docker/Dockerfile");

    // The same commit on both branches is built once.
    let same = testing::commit(WIKI, "live", "2222");
    t.reads("head of live", same.clone());
    t.completes("fetch live", &same);
    assert_eq!(t.asked(), [format!("push to registry.test/team/wiki:live ({})", image.id)]);
    t.leaves("push");
}
