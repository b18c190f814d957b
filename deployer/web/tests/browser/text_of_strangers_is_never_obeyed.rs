//! Markup and links in what strangers chose (branches, messages, logs, errors, names) are text in every page.

use ci_core::event::Phase;

use crate::seen::Seen;
use crate::support::{Ci, World};

/// Sets a mark, if anything obeys it.
const HOSTILE: &str = "x<script>window.obeyed=1</script><img src=x onerror=window.obeyed=1>\
                       \"'><svg onload=window.obeyed=1><a href=javascript:window.obeyed=1>y</a>{{7*7}}\u{202e}z";
const LINKS: &str = "\x1b]8;;javascript:window.obeyed=1\x1b\\press me\x1b]8;;\x1b\\ \
                     \x1b]8;;data:text/html,<script>window.obeyed=1</script>\x07or me\x1b]8;;\x07 \
                     \x1b]8;;https://example.org/\"onmouseover=window.obeyed=1\x1b\\or me\x1b]8;;\x1b\\";

#[tokio::test(flavor = "multi_thread")]
async fn text_of_strangers_is_never_obeyed() {
    let world = World::new(HOSTILE);
    let mut ci = Ci::start_with(&world, None, HOSTILE, HOSTILE);
    let seen = Seen::of(&ci).await;
    ci.done().await;
    let two = format!("{HOSTILE}2");
    world.fail(&two, HOSTILE);
    let go = world.hold(&two);
    world.set(&two);
    let job = world.job(&two).await;
    let id = job.id().clone();
    let page = seen.owner(&ci, &format!("/jobs/{id}"));
    // Some as the page comes, some added to it.
    let line = format!("{HOSTILE} {LINKS}\n");
    job.write(line.repeat(100).as_bytes());
    page.until("document.querySelectorAll('#log .line').length > 100");
    let obeyed = |page: &testbed::Page, at: &str| {
        let state = page.eval(
            "[typeof window.obeyed, document.querySelectorAll('main img, main script, main [onload], main [onerror], \
             main [onmouseover], main a[href^=\"javascript\" i], main a[href^=data]').length, \
             document.body.innerText.includes('49')]",
        );
        assert_eq!(state, serde_json::json!(["undefined", 0, false]), "{at}");
        assert_eq!(page.complaints(), [""; 0], "{at}");
    };
    let shown = |page: &testbed::Page| {
        page.eval("document.body.innerText.includes('<script>window.obeyed=1</script>')")
    };
    obeyed(&page, "a live log");
    assert_eq!(shown(&page), true);
    let links = page.eval("[...document.querySelectorAll('#log a.k')].map((it) => it.protocol)");
    assert!(links.as_array().unwrap().iter().all(|protocol| protocol == "https:"), "{links}");
    go.send(()).unwrap();
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    page.until("document.querySelector('.failure')");
    obeyed(&page, "an error");
    let mut paths: Vec<String> = [
        "/",
        "/graph",
        "/jobs",
        "/jobs?state=failed",
        "/jobs?text=%22%3E%3Cscript%3Ewindow.obeyed=1%3C/script%3E",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend(ci.engine.jobs(10).await.iter().map(|job| format!("/jobs/{}", job.id)));
    assert!(paths.len() > 7, "{paths:?}");
    for path in paths {
        page.goto(&seen.url(&path));
        page.eval("document.querySelectorAll('details').forEach((it) => { it.open = true; })");
        obeyed(&page, &path);
    }
    // As text the log is no page.
    page.goto(&seen.url(&format!("/jobs/{id}/log")));
    assert_eq!(page.text("document.contentType"), "text/plain");
    assert_eq!(page.text("typeof window.obeyed"), "undefined");
    ci.engine.stop().await;
}
