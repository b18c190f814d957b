//! Whatever a job is asked, and whatever comes of it, no page tells a secret that is in it.

use ci_core::secret::Secret;

use crate::support::{Ci, World, pipeline};

const TOKEN: &str = "s3cr3t-t0k3n";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_on_no_page() {
    let world = World::new(&format!("one-{TOKEN}"));
    let secret = Secret::new("token", TOKEN).unwrap();
    let with_secret = |engine: ci_core::Engine| engine.with_secret(&secret).unwrap();
    let mut ci = Ci::start_with_engine(&world, with_secret, || pipeline("build it", "site"));
    ci.log_in().await;
    ci.done().await;
    // What is compared with the job before is told, too.
    let two = format!("two-{TOKEN}");
    let go = world.hold(&two);
    world.set(&two);
    let running = world.job(&two).await;
    let pages =
        ["/", "/graph", "/pipeline.dot", "/pipeline.mmd", "/pipeline.json", "/jobs", "/jobs?text=one"];
    let mut paths: Vec<String> = pages.map(str::to_owned).to_vec();
    paths.extend(["/metrics", "/logs?text=building", "/api/v1/logs?text=building"].map(str::to_owned));
    paths.extend(ci.engine.jobs(10).await.iter().map(|job| format!("/jobs/{}", job.id)));
    assert!(paths.contains(&format!("/jobs/{}", running.id())));
    let mut all = String::new();
    for path in paths {
        let page = ci.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        let page = page.text;
        assert!(!page.contains("t0k3n"), "{path}: {page}");
        all.push_str(&page);
    }
    for shown in ["one-***", "two-***", "site@one-***"] {
        assert!(all.contains(shown), "{shown}");
    }
    go.send(()).unwrap();
    ci.engine.stop().await;
}
