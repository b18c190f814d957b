use ci_core::current::all;
use ci_core::{Current, Level, Pool};

use crate::support::{Answer, Ci, World, head, make, put};

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

#[tokio::test(flavor = "multi_thread")]
async fn each_has_its_own_level_slots_and_end() {
    let (one, other) = (World::default(), World::default());
    let states = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for world in [&one, &other] {
        world.set("main", 1);
        world.make_in(Pool::new("builds", 1));
    }
    one.answer("make image.1", Answer::Hold);
    let first = Ci::start(states[0].path(), &one, pipeline);
    one.is_held("make image.1").await;
    let mut second = Ci::guarded(states[1].path(), &other, Level::Dangerous, pipeline);
    second.waits("site := <image.1>").await;
    assert_eq!(other.trace(), ["make image.1"], "the slot that the first one holds is not this one's");
    one.let_go("make image.1");
    first.done().await;
    assert_eq!(other.history("site"), [""; 0], "the first one's level is not this one's");
    first.stop().await;
    second.handle.set_confirm(None);
    second.done().await;
    assert_eq!((one.history("site").len(), other.history("site").len()), (1, 1));
    second.stop().await;
}
