use ci_core::Current;
use ci_core::current::all;

use crate::support::{Ci, World, head, make, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn one_description_runs_in_several() {
    let pipeline = pipeline();
    let worlds: Vec<_> =
        (1..=3).map(|number| (tempfile::tempdir().unwrap(), World::default(), number)).collect();
    let mut engines = Vec::new();
    for (state, world, number) in &worlds {
        world.set("main", *number);
        engines.push(Ci::start(state.path(), world, || pipeline.clone()));
    }
    for (ci, (_, world, number)) in engines.into_iter().zip(&worlds) {
        ci.done().await;
        assert_eq!(world.history("site"), [format!("<image.{number}>")]);
        assert_eq!(world.trace().len(), 2);
        ci.stop().await;
    }
}
