//! A text is looked for in all logs: as a page, and as lines of JSON.

use axum::http::StatusCode;
use ci_core::event::Phase;
use ci_core::logs::Told;

use crate::support::{Ci, World};

fn told(text: &str) -> Vec<Told> {
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_searched() {
    let world = World::new("one");
    let mut ci = Ci::start(&world);
    let first = ci.job("build", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    ci.done().await;
    world.set("two");
    let second = ci.job("build", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    ci.done().await;
    let form = ci.get("/logs").await;
    assert!(form.status == StatusCode::OK && !form.text.contains("searched"), "nothing was asked");
    // The newest first, with links to the lines.
    let page = ci.get("/logs?text=BUILDING&op=build").await.text;
    let places: Vec<_> =
        [&second, &first].iter().map(|id| page.find(&format!("/jobs/{id}?line=")).unwrap()).collect();
    assert!(
        places[0] < places[1] && page.contains("building two") && page.contains("2 logs searched"),
        "{page}"
    );
    assert!(!page.contains("Search older"), "that was all");
    let page = ci.get("/logs?text=building&about=one").await.text;
    assert!(page.contains("building one") && !page.contains("building two"));
    let page = ci.get(&format!("/logs?text=building&before={second}")).await.text;
    assert!(page.contains("building one") && !page.contains("building two"));
    assert!(ci.get("/logs?text=nowhere").await.text.contains("No log holds that."));
    // The same for programs.
    let json = ci.get("/api/v1/logs?text=building+(one|two)&regex=on").await;
    assert_eq!(json.header("content-type"), "application/x-ndjson");
    let [Told::Hit(two), Told::Hit(one), Told::Found(found)] = &told(&json.text)[..] else {
        panic!("{}", json.text)
    };
    assert_eq!((&two.job, &one.job, one.text.as_str()), (&second, &first, "building one"));
    assert!(found.is_all && found.unreadable == 0 && found.logs == 4, "{found:?}");
    for path in ["/logs", "/api/v1/logs"] {
        let refused = ci.get(&format!("{path}?text=(&regex=on")).await;
        assert!(refused.status == StatusCode::BAD_REQUEST && refused.text.contains("no regular expression"));
    }
    assert_eq!(ci.get("/api/v1/logs").await.status, StatusCode::BAD_REQUEST);
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_wrote_is_text() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    job.write(b"\x1b[31mneedle\x1b[0m <script>alert(1)</script> \xff\xe2\x80\xae\n");
    let page = ci.get("/logs?text=needle").await.text;
    assert!(page.contains("needle") && page.contains("alert(1)"), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains('\x1b') && !page.contains("[31m"));
    assert!(!page.contains('\u{202e}'));
    go.send(()).unwrap();
    ci.done().await;
    ci.engine.stop().await;
}
