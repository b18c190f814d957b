//! Jobs are listed newest first, page by page, by operation, state and text.

use ci_core::event::Phase;

use crate::support::{Ci, World};

fn summaries(page: &str) -> Vec<String> {
    let rows = page.split("<a class=\"what\"").skip(1);
    let texts = rows.filter_map(|row| row.split_once("</span> ")?.1.split("</a>").next());
    texts.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_found() {
    let world = World::new("head 0");
    let mut ci = Ci::start(&world);
    for n in 1..=60 {
        ci.job("put", |phase| matches!(phase, Phase::Succeeded { .. })).await;
        world.set(&format!("head {n}"));
    }
    ci.job("put", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    ci.done().await;
    world.fail("broken", "no such file");
    world.set("broken");
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;

    let mut path = "/jobs?op=build".to_owned();
    let mut all = Vec::new();
    loop {
        let page = ci.get(&path).await.text;
        all.extend(summaries(&page));
        let next = page.split("<a rel=\"next\" href=\"").nth(1);
        let Some(next) = next else { break };
        path = next.split('"').next().unwrap().replace("&amp;", "&");
    }
    let expected: Vec<_> =
        ["broken".to_owned()].into_iter().chain((0..=60).rev().map(|n| format!("head {n}"))).collect();
    assert_eq!(all, expected);
    assert_eq!(summaries(&ci.get("/jobs?state=failed").await.text), ["broken"]);
    assert_eq!(summaries(&ci.get("/jobs?text=HEAD+42&op=build").await.text), ["head 42"]);
    assert_eq!(summaries(&ci.get("/jobs?op=put&text=head+7&state=ok").await.text), ["site := head 7"]);
    assert!(summaries(&ci.get("/jobs?state=under-way").await.text).is_empty());

    let _go = world.hold("last");
    world.set("last");
    let running = ci.job("build", |phase| *phase == Phase::Running).await;
    let page = ci.get("/jobs").await.text;
    let links = page.matches(&format!("href=\"/jobs/{running}\"")).count();
    assert_eq!((summaries(&page)[0].as_str(), links), ("last", 1), "a job under way is listed once");
    assert_eq!(summaries(&ci.get("/jobs?state=under-way").await.text), ["last"]);

    let page = ci.get(&format!("/jobs/{running}")).await.text;
    assert!(page.contains("Why it ran") && page.contains("<code>last</code>"), "{page}");
    ci.engine.stop().await;
}
