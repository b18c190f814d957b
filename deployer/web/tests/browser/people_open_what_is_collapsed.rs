//! A click on a plus shows what is behind it, another one more beside it; a click on what is open closes that again.

use ci_core::Current;
use ci_core::current::{all, constant};

use crate::seen::{Seen, texts};
use crate::support::{Ci, World, build, head};

fn pipeline() -> Current<()> {
    let commit = head();
    let part =
        |name: &'static str, label: &'static str| build(label, &commit).collapse("part", name, &commit);
    let branches = constant(vec!["live", "main"]).each("branch", |branch| {
        let commit = branch.map(|branch| (*branch).to_owned());
        let tested = build("test it", &build("build it", &commit).map(|name| name.to_string()));
        tested.ignore()
    });
    all([part("site", "build the site").ignore(), part("docs", "build the docs").ignore(), branches.ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn people_open_what_is_collapsed() {
    let world = World::new("one");
    let ci = Ci::start_of(&world, None, pipeline);
    let seen = Seen::of(&ci).await;
    ci.done().await;
    let page = seen.reader("/graph");
    page.until("document.querySelectorAll('svg.pipeline .plus').length === 2");
    assert_eq!(texts(&page, "svg.pipeline .cluster > text > title"), ["branch", "live", "main"]);
    page.click("svg.pipeline a[aria-label^='site']");
    page.until("document.querySelectorAll('svg.pipeline .plus').length === 1");
    page.click("svg.pipeline a[aria-label^='docs']");
    page.until("document.querySelectorAll('svg.pipeline .plus').length === 0");
    let labels = texts(&page, "svg.pipeline .label");
    assert!(
        ["build the site", "build the docs"].iter().all(|it| labels.iter().any(|label| label == it)),
        "{labels:?}"
    );
    // Not lost when something happens.
    page.eval("window.box = document.querySelector('svg.pipeline a[aria-label^=\"build the site\"]'); true");
    let first = page.text("window.box.getAttribute('href')");
    world.set("two");
    page.until(&format!("window.box.getAttribute('href') !== {first:?}"));
    assert_eq!(texts(&page, "svg.pipeline .plus").len(), 0);
    assert_eq!(page.eval("window.box.isConnected"), true);
    page.click(".opened a");
    page.until("document.querySelectorAll('svg.pipeline .plus').length === 1");
    assert_eq!(page.complaints(), [""; 0]);
    ci.engine.stop().await;
}
