//! The buttons do what they say, and the job's log says who did it.

use axum::http::StatusCode;
use ci_core::Level;
use ci_core::event::Phase;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn people_approve_cancel_and_rebuild() {
    let world = World::new("one");
    let mut ci = Ci::start_with(&world, Some(Level::Dangerous), "build it", "site");
    ci.log_in().await;
    let put = ci.job("put", |phase| *phase == Phase::WaitingForConfirmation).await;

    let overview = ci.get("/").await.text;
    let action = format!("action=\"/jobs/{put}/approve\"");
    assert!(overview.contains("Waits for you") && overview.contains(&action), "{overview}");
    let page = ci.get(&format!("/jobs/{put}")).await.text;
    assert!(page.contains(&action) && page.contains("waits for you") && page.contains("dangerous"), "{page}");

    let answer = ci.post(&format!("/jobs/{put}/approve")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, &*format!("/jobs/{put}")));
    ci.done().await;
    let page = ci.get(&format!("/jobs/{put}")).await.text;
    assert!(page.contains("Approved by a person on the page"), "{page}");
    assert_eq!(ci.post(&format!("/jobs/{put}/approve")).await.status, StatusCode::CONFLICT);

    let answer = ci.post(&format!("/jobs/{put}/rebuild")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let again = answer.header("location").to_owned();
    assert_ne!(again, format!("/jobs/{put}"), "the new job is shown");
    let page = ci.get(&again).await.text;
    assert!(page.contains("nothing is different: it was run again"), "{page}");
    // An approval is for one run.
    ci.job("put", |phase| *phase == Phase::WaitingForConfirmation).await;
    assert_eq!(ci.post(&format!("{again}/approve")).await.status, StatusCode::SEE_OTHER);
    ci.done().await;

    let _go = world.hold("two");
    world.set("two");
    let build = ci.job("build", |phase| *phase == Phase::Running).await;
    assert_eq!(ci.post(&format!("/jobs/{build}/rebuild")).await.status, StatusCode::CONFLICT);
    assert_eq!(ci.post(&format!("/jobs/{build}/cancel")).await.status, StatusCode::SEE_OTHER);
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    let page = ci.get(&format!("/jobs/{build}")).await.text;
    assert!(page.contains("cancelled: by a person on the page") && page.contains("■"), "{page}");
    assert!(page.contains("Rebuild</button>") && !page.contains("Cancel</button>"), "{page}");

    for nothing in ["/jobs/2026-01-01/000000000-build-000000", "/jobs/a/b"] {
        assert_eq!(ci.post(&format!("{nothing}/cancel")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ci.get(nothing).await.status, StatusCode::NOT_FOUND);
    }
    ci.engine.stop().await;
}
