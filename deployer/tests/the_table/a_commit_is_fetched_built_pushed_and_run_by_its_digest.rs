//! When the head of a branch moves, its commit is fetched, built and pushed, and the service gets what was pushed, by
//! its digest.

use deployer::testing;
use serde_json::json;

use super::{SITE, site, table};

#[test]
fn a_commit_is_fetched_built_pushed_and_run_by_its_digest() {
    let mut t = testing::drive(table());
    t.leaves_the_rest();
    assert_eq!(t.asked(), [""; 0], "nothing is known of any repository");
    let (first, second) = (site("1a2b3c4d"), site("2b3c4d5e"));

    t.reads("head of live in https://example.org/site.git", first.clone());
    assert_eq!(t.asked(), ["fetch site@1a2b3c4d (live)"]);
    t.completes("fetch live of site", &first);
    assert_eq!(t.asked(), ["build Dockerfile of site@1a2b3c4d"]);
    assert_eq!(t.asked()[0].key["commit"], json!({ "repo": SITE, "id": first.id }));
    assert_eq!(t.state("service site_web"), "waiting for build Dockerfile");
    let image = testing::built(&first);
    t.completes("build Dockerfile of site@1a2b3c4d", &image);
    assert_eq!(t.asked(), [format!("push to registry.test/team/site:live ({})", image.id)]);
    let pushed = testing::pushed("team/site", &image);
    t.completes("push team/site:live", &pushed);
    assert_eq!(t.asked(), [format!("update service site_web on local ({})", pushed.image)]);
    assert_eq!(t.asked()[0].value["image"], json!(pushed.image));
    t.completes("site_web", testing::deployed("site_web", &pushed));
    assert_eq!(t.state("service site_web"), "ok");

    let pushed = super::site_up_to_push(&mut t, &second);
    t.completes("push team/site:live", &pushed);
    assert_eq!(t.asked(), [format!("update service site_web on local ({})", pushed.image)]);
    assert_eq!(t.trace().len(), 8, "each of the four once for each commit: {:?}", t.trace());
}
