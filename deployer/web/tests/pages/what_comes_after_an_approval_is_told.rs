//! With everything guarded, the pages say what would be done, also by what lies behind: where, and what it lacks.

use ci_core::Level;
use ci_core::event::Phase;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_an_approval_is_told() {
    let world = World::new("one");
    let mut ci = Ci::start_with(&world, Some(Level::Harmless), "build <it>", "site");
    ci.log_in().await;
    let build = ci.job("build", |phase| *phase == Phase::WaitingForConfirmation).await;

    let overview = ci.get("/").await.text;
    let action = format!("action=\"/jobs/{build}/approve\"");
    for told in [
        "Waits for you",
        &action,
        "would make one",
        "What comes after",
        "would set site",
        "needs make one, which waits for confirmation",
        // The place is known though nothing was asked of it yet.
        "<h3>site</h3>",
        "nothing yet",
    ] {
        assert!(overview.contains(told), "{told}:\n{overview}");
    }
    let graph = ci.get("/graph").await.text;
    for told in ["would make one<", "would set site: needs make one, which waits for confirmation"] {
        assert!(graph.contains(told), "{told}:\n{graph}");
    }

    assert_eq!(ci.post(&format!("/jobs/{build}/approve")).await.status, axum::http::StatusCode::SEE_OTHER);
    ci.job("put", |phase| *phase == Phase::WaitingForConfirmation).await;
    let overview = ci.get("/").await.text;
    assert!(overview.contains("would set site (one)"), "{overview}");
    assert!(!overview.contains("What comes after"), "{overview}");
    ci.engine.stop().await;
}
