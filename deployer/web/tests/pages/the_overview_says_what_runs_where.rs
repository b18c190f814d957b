//! The overview tells what each place holds, since when, and what goes on there; what a failure leaves untouched stays.

use ci_core::event::Phase;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_what_runs_where() {
    let one = "0123456789abcdef0123456789abcdef01234567";
    let world = World::new("an older one");
    let mut ci = Ci::start(&world);
    ci.job("put", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    world.set(one);
    let put = ci.job("put", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    ci.done().await;
    let page = ci.get("/").await.text;
    for told in [
        "<h3>site</h3>",
        ">01234567<",
        one,
        "of <span title=\"/srv/site\">site</span>",
        ">sha256:abababababab<",
        "healthy",
        "✓</span> ok",
        "<time",
    ] {
        assert!(page.contains(told), "{told}:\n{page}");
    }
    assert!(page.contains("Everything is as the pipeline says"));
    assert!(page.contains(&format!("href=\"/jobs/{put}\"")));

    world.fail("two", "no such file");
    world.set("two");
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    let mut status = ci.engine.status();
    status.wait_for(|status| status.outcome.is_err()).await.unwrap();
    let page = ci.get("/").await.text;
    for told in [
        "<h3>site</h3>",
        ">01234567<",
        "⊘</span> blocked",
        "What is wrong",
        "make two failed: no such file",
        "What to do: fix no such file",
        "head of live",
    ] {
        assert!(page.contains(told), "{told}:\n{page}");
    }
    let graph = ci.get("/graph").await.text;
    assert!(graph.contains("blocked by build it: no such file"), "{graph}");
    assert!(graph.contains("<svg") && graph.contains("✗"));
    ci.engine.stop().await;
}
