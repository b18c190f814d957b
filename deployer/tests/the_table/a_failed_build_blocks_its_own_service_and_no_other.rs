//! A build that fails keeps its image from being pushed and run, which is told with the build's name; the other entries
//! go on.

use ci_core::OpError;
use deployer::testing;

use super::{WIKI, site, table};

#[test]
fn a_failed_build_blocks_its_own_service_and_no_other() {
    let mut t = testing::drive(table());
    t.leaves_the_rest();
    let commit = site("1a2b3c4d");
    t.reads("head of live in https://example.org/site.git", commit.clone());
    t.completes("fetch live of site", &commit);
    t.fails("build Dockerfile", OpError::permanent("step 3/4 failed: exit code 1"));
    assert_eq!(t.state("build Dockerfile of site@1a2b3c4d"), "failed: step 3/4 failed: exit code 1");
    assert_eq!(t.state("push team/site:live"), "blocked by build Dockerfile");
    assert_eq!(t.state("site_web"), "blocked by build Dockerfile");
    assert_eq!(t.outcome(), "failed: step 3/4 failed: exit code 1");

    let wiki = testing::commit(WIKI, "live", "aaaa");
    let image = testing::built(&wiki);
    let pushed = testing::pushed("team/wiki", &image);
    t.reads("head of live in https://example.org/wiki.git", wiki.clone());
    t.completes("fetch live of wiki", &wiki);
    t.completes("build docker/Dockerfile of wiki@aaaa0000", &image);
    t.completes("push team/wiki:live", &pushed);
    assert_eq!(t.asked(), [format!("update service wiki_web on toxis ({})", pushed.image)]);
    t.completes("wiki_web", testing::deployed("wiki_web", &pushed));
    assert_eq!(t.state("service wiki_web on toxis"), "ok");
    assert_eq!(t.state("site_web"), "blocked by build Dockerfile");

    t.rebuilds("build Dockerfile of site@1a2b3c4d");
    assert_eq!(t.asked(), ["build Dockerfile of site@1a2b3c4d"], "the wiki's is not built again");
    assert_eq!(t.state("site_web"), "waiting for build Dockerfile");
}
