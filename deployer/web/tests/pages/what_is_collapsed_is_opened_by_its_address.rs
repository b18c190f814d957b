//! A page shows what is collapsed as one box, whose link opens it beside what is open; each can be closed again.

use axum::http::StatusCode;
use ci_core::Current;
use ci_core::current::all;

use crate::support::{Ci, World, build, head};

fn pipeline() -> Current<()> {
    let commit = head();
    let fast = build("build it", &commit).collapse("stage", "fast & small", &commit);
    let slow = build("test it", &commit).collapse("stage", "slow", &commit);
    all([fast.ignore(), slow.ignore()])
}

#[tokio::test]
async fn what_is_collapsed_is_opened_by_its_address() {
    let world = World::new("one");
    let ci = Ci::start_of(&world, None, pipeline);
    ci.done().await;
    let picture = |page: &str| {
        let from = page.find("<svg class=\"pipeline\"").expect("a picture");
        page[from..].split("</svg>").next().unwrap_or_default().to_owned()
    };
    let page = ci.get("/graph").await.text;
    let closed = picture(&page);
    assert!(!closed.contains("build it") && !closed.contains("test it"), "{closed}");
    assert!(closed.contains(r#"href="/graph?stage=fast+%26+small""#), "{closed}");
    assert!(!page.contains("Open:"));

    let page = ci.get("/graph?stage=fast+%26+small").await.text;
    let open = picture(&page);
    assert!(open.contains("build it") && !open.contains("test it"), "{open}");
    assert!(open.contains(r#"href="/graph?stage=fast+%26+small&amp;stage=slow""#), "{open}");
    assert!(page.contains(r#"<a href="/graph" title="Close">stage fast &#38; small"#), "{page}");
    assert!(page.contains(r#"href="/pipeline.dot?stage=fast+%26+small""#), "{page}");

    let both = picture(&ci.get("/graph?stage=fast+%26+small&stage=slow").await.text);
    assert!(both.contains("build it") && both.contains("test it"), "{both}");

    // What is nowhere, and what is no address, opens nothing.
    let odd = format!("/graph?a=1&%ff%zz&=&stage&{}", "x=y&".repeat(500));
    let answer = ci.get(&odd).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(picture(&answer.text).matches("class=\"plus\"").count(), 2);
    ci.engine.stop().await;
}
