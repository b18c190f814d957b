//! A head that can't be read stands on the overview, with the reason and what to do: before there ever was a value, and
//! when an older one is used meanwhile.

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_is_told_with_what_to_do() {
    let world = World::new("one");
    world.is_unreadable(Some("the server is down"));
    let ci = Ci::start(&world);
    let page =
        ci.told(&["What is wrong", "head of live", "the server is down", "look after the server"]).await;
    assert!(page.contains("nothing yet") && !page.contains("an older one is used"), "{page}");

    world.is_unreadable(None);
    let page = ci.told(&["Everything is as the pipeline says"]).await;
    assert!(!page.contains("What is wrong") && page.contains("✓</span> ok"), "{page}");

    world.is_unreadable(Some("the server is down again"));
    let stale = "The newest value can't be read, so an older one is used: the server is down again";
    let page = ci.told(&["What is wrong", stale, "look after the server"]).await;
    assert!(page.contains("✓</span> ok"), "what runs, runs on:\n{page}");
    ci.engine.stop().await;
}
