//! A page holds a bounded part of a log, however long it is; every other line has a link.

use ci_core::event::Phase;

use crate::support::{Ci, World, lines};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_shown_in_parts() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let id = ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
    job.write(text.as_bytes());
    let page = ci.get(&format!("/jobs/{id}")).await.text;
    let tail = lines(&page);
    assert!(tail.len() <= 2000 && page.len() < 1 << 20, "{} lines, {} bytes", tail.len(), page.len());
    assert_eq!(tail.last().unwrap().1, "line 199999");
    assert!(page.contains("data-follow"), "its tail is live");
    // Back, link by link.
    let first = tail[0].0;
    let link = format!("href=\"?line={}#L{}\"", first - 1, first - 1);
    assert!(page.contains(&link), "{link}");
    let page = ci.get(&format!("/jobs/{id}?line={}", first - 1)).await.text;
    let part = lines(&page);
    assert!(part[0].0 < first && part.last().unwrap().0 >= first, "parts meet");
    assert!(!page.contains("data-follow"));
    let page = ci.get(&format!("/jobs/{id}?line=1")).await.text;
    assert_eq!(lines(&page)[0].0, 1);
    assert!(page.contains("Later lines"));
    // A page that asks for its other parts only gets no log.
    let without = ci.send(ci.request("GET", &format!("/jobs/{id}")).header("x-without-log", "1")).await.text;
    assert!(lines(&without).is_empty() && without.len() < 20_000);
    go.send(()).unwrap();
    ci.done().await;
    let page = ci.get(&format!("/jobs/{id}")).await.text;
    assert!(!page.contains("data-follow"), "nothing is added to the log of a job that is over");
    ci.engine.stop().await;
}
