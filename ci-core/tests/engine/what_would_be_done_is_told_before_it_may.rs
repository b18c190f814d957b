//! With everything guarded, each operation says what it would do as far as that is known, and what it lacks.

use ci_core::current::all;
use ci_core::engine::PlaceView;
use ci_core::{Current, Level};

use crate::support::{Ci, World, head, make, put};

fn pipeline() -> Current<()> {
    let image = make("image", &head("main"));
    let tested = make("test", &image.map(|image| u32::from(!image.0.is_empty())));
    all([put("site", &image.gate(&tested)).ignore()])
}

/// What each operation would do, and the operations and monitors whose values it lacks.
async fn told(ci: &Ci) -> Vec<(String, Vec<String>)> {
    let snapshot = ci.handle.snapshot().await;
    let name = |at: usize| snapshot.nodes[at].label.clone();
    let operations = snapshot.nodes.iter().filter_map(|node| Some((node.id, node.would.clone()?)));
    operations.map(|(at, would)| (would, snapshot.lacks(at).into_iter().map(name).collect())).collect()
}

fn expected<const N: usize>(told: [(&str, &[&str]); N]) -> Vec<(String, Vec<String>)> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    told.into_iter().map(|(would, lacks)| (would.to_owned(), owned(lacks))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_done_is_told_before_it_may() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let mut ci = Ci::guarded(state.path(), &world, Level::Harmless, pipeline);
    let image = ci.waits("image.1").await;
    assert_eq!(
        told(&ci).await,
        expected([
            ("make image.1", &[]),
            // A builder's key may be anything before its input is known: only its label is.
            ("make test", &["make image"]),
            ("put into site", &["make image", "make test"]),
        ])
    );
    let snapshot = ci.handle.snapshot().await;
    let site = snapshot.nodes.iter().find(|node| node.label == "put in site").unwrap().id;
    assert_eq!(
        snapshot.needs(site).unwrap(),
        "needs make image.1, which waits for confirmation; make test, which is held back itself"
    );
    let site = ci.handle.stages().await.pop().unwrap();
    let place: PlaceView = site.place.unwrap();
    assert_eq!((place.name.as_str(), site.asked), ("site", None));

    ci.handle.approve(image, "ada").await.unwrap();
    let test = ci.waits("test.1").await;
    let said = ci.handle.live().await;
    assert_eq!(said.iter().map(|job| job.would.as_str()).collect::<Vec<_>>(), ["make test.1"]);
    assert_eq!(told(&ci).await[2], expected([("put into site", &["make test"])])[0]);

    ci.handle.approve(test, "ada").await.unwrap();
    let put = ci.waits("site := <image.1>").await;
    assert_eq!(told(&ci).await[2], expected([("put into site (<image.1>)", &[])])[0]);
    let asked = ci.handle.stages().await.pop().unwrap().asked.unwrap();
    assert_eq!(asked.key, place.key, "it is the place that was told before");
    ci.handle.approve(put, "ada").await.unwrap();
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_told_each_time_the_level_is_set() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let ci = Ci::guarded(state.path(), &world, Level::Average, pipeline);
    let mut level = ci.handle.confirm();
    assert_eq!(*level.borrow_and_update(), Some(Level::Average));
    for set in [Some(Level::Average), Some(Level::Harmless), None] {
        ci.handle.set_confirm(set);
        level.changed().await.unwrap();
        assert_eq!(*level.borrow_and_update(), set);
    }
    ci.stop().await;
}
