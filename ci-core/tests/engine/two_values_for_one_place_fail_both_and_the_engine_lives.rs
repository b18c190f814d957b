use ci_core::current::all;

use crate::support::{Ci, Name, World, head, make, put};

#[tokio::test(flavor = "multi_thread")]
async fn until_they_agree() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, || {
        let image = make("image", &head("main"));
        let other = image
            .map(|image| if image.0 == "<image.1>" { Name("another".to_owned()) } else { image.clone() });
        all([put("other", &image).ignore(), put("site", &image).ignore(), put("site", &other).ignore()])
    });
    ci.ok("other := <image.1>").await;
    let why = ci.failed().await;
    assert!(why.contains("site := <image.1>") && why.contains("site := another"), "{why}");
    let snapshot = ci.handle.snapshot().await;
    let puts: Vec<_> = snapshot.nodes.iter().filter(|node| node.label == "put in site").collect();
    assert!(
        puts.len() == 2
            && puts.iter().all(|put| put.state.to_string().starts_with("failed: different values"))
    );
    assert_eq!(world.history("site"), [""; 0]);
    world.set("main", 2);
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.2>"]);
    ci.stop().await;
}
