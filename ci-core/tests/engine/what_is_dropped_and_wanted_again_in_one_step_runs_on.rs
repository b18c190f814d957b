use ci_core::current::all;

use crate::support::{Answer, Ci, World, head, make};

#[tokio::test(flavor = "multi_thread")]
async fn it_changes_hands() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.2", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, || {
        let (this, next) = (head("main"), head("main").map(|n| n + 1));
        all([make("image", &this).ignore(), make("image", &next).ignore()])
    });
    ci.ok("image.1").await;
    world.is_held("make image.2").await;
    // The first node drops image.1 for image.2, and the second image.2 for image.3, in one step.
    world.set("main", 2);
    ci.ok("image.3").await;
    world.let_go("make image.2");
    ci.ok("image.2").await;
    ci.done().await;
    let mut trace = world.trace();
    trace.sort();
    assert_eq!(trace, ["make image.1", "make image.2", "make image.3"]);
    ci.stop().await;
}
