//! Branch names, commit messages, error texts and logs are shown, and never obeyed.

use ci_core::event::Phase;

use crate::support::{Ci, World, lines};

const HEAD: &str = "head<script>alert(1)</script>\"'&";
const LABEL: &str = "label<script>alert(1)</script>\"'&";
const PLACE: &str = "place<script>alert(1)</script>\"'&";
const WHY: &str = "why<img src=x onerror=alert(1)>\"'&";
const LOG: &str = "log<script>alert(1)</script>\"'&";

fn is_text(path: &str, page: &str) {
    for tag in ["<script>", "<img", "onerror=alert(1)>", "script>\"'&"] {
        assert!(!page.contains(tag), "{path} holds {tag}:\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_strangers_stays_text() {
    let world = World::new(HEAD);
    let mut ci = Ci::start_with(&world, None, LABEL, PLACE);
    ci.log_in().await;
    ci.done().await;
    let good = ci.engine.jobs(10).await;
    let two = format!("{HEAD}2");
    world.fail(&two, WHY);
    let go = world.hold(&two);
    world.set(&two);
    let job = world.job(&two).await;
    let failed = job.id().clone();
    let mut stream = ci.stream(&format!("/jobs/{failed}/log/events"), None).await;
    // As many lines as leave the window, and one that does not.
    job.write(format!("{LOG}\n").repeat(100).as_bytes());
    job.write(LOG.as_bytes());
    let told = stream.named("log").await.data;
    is_text("log events", &told);
    assert!(lines(&told).iter().any(|(_, text)| text.starts_with("log&lt;")), "{told}");
    let told = stream.named("window").await.data;
    is_text("window events", &told);
    assert!(lines(&told).last().unwrap().1.starts_with("log&lt;"), "{told}");
    go.send(()).unwrap();
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    let text = "alert%281%29";
    let mut paths: Vec<String> =
        ["/", "/graph", "/jobs", "/jobs?state=failed", "/nowhere/%3Cscript%3E"].map(str::to_owned).to_vec();
    paths.push(format!("/jobs?text={text}&op=%3Cscript%3E%22"));
    paths.push("/jobs?text=%22%3E%3Cscript%3E".to_owned());
    paths.push(format!("/jobs/{failed}"));
    paths.extend(good.iter().map(|job| format!("/jobs/{}", job.id)));
    let mut all = String::new();
    for path in paths {
        let page = ci.get(&path).await.text;
        is_text(&path, &page);
        all.push_str(&page);
    }
    for shown in ["head", "label", "place", "why", "log"] {
        assert!(all.contains(&format!("{shown}&#60;")) || all.contains(&format!("{shown}&lt;")), "{shown}");
    }
    let raw = ci.get(&format!("/jobs/{failed}/log")).await;
    assert_eq!(raw.header("content-type"), "text/plain; charset=utf-8");
    assert!(raw.text.contains(LOG));
    ci.engine.stop().await;
}
