use ci_core::{Level, OpError};

use crate::support::{Answer, Ci, World, head, make, put};

#[tokio::test(flavor = "multi_thread")]
async fn from_the_head_to_the_place() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Fail(OpError::transient("busy")));
    let pipeline = || put("site", &make("image", &head("main"))).ignore();
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    let job = ci.waits("site := <image.1>").await;
    ci.handle.approve(job, "ada").await.unwrap();
    ci.done().await;
    assert_eq!(
        ci.story(),
        [
            "main is 1",
            "image.1: queued",
            "image.1: runs",
            "image.1: transient, once more",
            "image.1: queued",
            "image.1: runs",
            "image.1: ok",
            "site := <image.1>: queued",
            "site := <image.1>: waits for confirmation",
            "site := <image.1>: runs",
            "site := <image.1>: ok",
        ]
    );
    ci.stop().await;
    let mut ci = Ci::guarded(state.path(), &world, Level::Dangerous, pipeline);
    ci.done().await;
    assert_eq!(ci.story(), ["main is 1", "image.1: reused", "site := <image.1>: reused"]);
    ci.stop().await;
}
