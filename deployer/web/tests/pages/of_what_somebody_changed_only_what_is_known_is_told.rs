//! A place that somebody changed: the overview says what was left there, and not that it is there, is well, or that
//! anything comes next.

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn of_what_somebody_changed_only_what_is_known_is_told() {
    let world = World::new("0123456789abcdef0123456789abcdef01234567");
    let ci = Ci::start(&world);
    let as_it_should_be = ["Everything is as the pipeline says", "<dt>runs</dt>", "<dt>health</dt>"];
    ci.told(&as_it_should_be).await;

    world.is_changed(Some("somebody removed it"));
    let page = ci.told(&["What is wrong", "somebody removed it", "What to do: rebuild its job"]).await;
    for told in ["<dt>was left running</dt>", ">01234567<", ">sha256:abababababab<", "!</span> in doubt"] {
        assert!(page.contains(told), "{told}:\n{page}");
    }
    for not_known in ["<dt>runs</dt>", "<dt>health</dt>", "<dt>next</dt>", "ok, but"] {
        assert!(!page.contains(not_known), "{not_known}:\n{page}");
    }

    world.is_changed(None);
    let page = ci.told(&as_it_should_be).await;
    assert!(!page.contains("was left running") && !page.contains("somebody removed it"), "{page}");
    ci.engine.stop().await;
}
