use ci_core::Engine;
use ci_core::current::{all, constant};

use crate::support::{Ci, World, head, make, put};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_not_bound_is_named_with_who_needs_it() {
    let state = tempfile::tempdir().unwrap();
    let error =
        Engine::open(state.path()).unwrap().start(|| put("site", &make("image", &constant(1))).ignore());
    let why = error.unwrap_err().to_string();
    assert!(why.starts_with("make image: the engine has no World"), "{why}");
    Engine::open(state.path()).expect("the state directory is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_current_used_twice_is_one_node() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, || {
        let image = make("image", &head("main").map(|n| n * 10));
        all([put("a", &image).ignore(), put("b", &image).ignore(), put("c", &image.clone()).ignore()])
    });
    ci.done().await;
    let nodes = &ci.handle.snapshot().await.nodes;
    let labels: Vec<_> = nodes.iter().map(|node| node.label.clone()).collect();
    let count = |wanted: &str| labels.iter().filter(|label| *label == wanted).count();
    assert_eq!((count("make image"), count("main"), count("map")), (1, 1, 1 + 3), "{labels:?}");
    ci.stop().await;
}
