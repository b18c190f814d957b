//! A page hears that the engine made a step, and does not when it asks about it.

use ci_core::event::Phase;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_told_once() {
    let world = World::new("one");
    let mut ci = Ci::start(&world);
    ci.done().await;
    // The page says which step it shows.
    let page = ci.get("/").await.text;
    let shown = page.split("data-step=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for path in ["/", "/graph", "/jobs"] {
        let again = ci.get(path).await.text;
        assert!(again.contains(&format!("data-step=\"{shown}\"")), "to look moves nothing");
    }
    let mut stream = ci.stream(&format!("/events?step={shown}"), None).await;
    let _go = world.hold("two");
    world.set("two");
    let heard = stream.named("step").await;
    let id = heard.id.expect("a step has an id");
    assert_ne!(id, shown, "what is shown already is not told again");
    // Whoever was away while something happened hears of it at once.
    drop(stream);
    ci.job("build", |phase| *phase == Phase::Running).await;
    let mut stream = ci.stream("/events", Some(&shown)).await;
    assert_eq!(stream.named("step").await.event, "step");
    ci.engine.stop().await;
    while let Some(heard) = stream.next().await {
        assert_eq!(heard.event, "step");
    }
}
