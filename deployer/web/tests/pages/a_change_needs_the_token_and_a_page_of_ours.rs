//! Without the token pages only read; with it, a change must come from a page of ours.

use axum::body::Body;
use axum::http::StatusCode;
use ci_core::event::Phase;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_pages_only_read() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let job = ci.job("build", |phase| *phase == Phase::Running).await;
    let page = ci.get(&format!("/jobs/{job}")).await;
    assert!(!page.text.contains("<button") && page.text.contains("You are reading"), "{}", page.text);
    let answer = ci.post(&format!("/jobs/{job}/cancel")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("Open the link"), "{}", answer.text);
    ci.log_in().await;
    let page = ci.get(&format!("/jobs/{job}")).await;
    assert!(page.text.contains(">Cancel</button>") && !page.text.contains(">Approve</button>"));
    go.send(()).unwrap();
    ci.done().await;
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_another_token_lets_nobody_in() {
    let ci = Ci::start(&World::new("one"));
    let link = ci.link();
    let almost = format!("{}0", &link[..link.len() - 1]);
    let other = if almost == link { format!("{}1", &link[..link.len() - 1]) } else { almost };
    for wrong in [other.as_str(), "/login", "/login?token=", "/login?token=%00"] {
        let answer = ci.get(wrong).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = ci.get(&link).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    let by_tls = axum::http::Request::builder().uri(&link).header("host", "ci.example.org");
    assert!(ci.send(by_tls).await.header("set-cookie").ends_with("; Secure"));
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_must_come_from_a_page_of_ours() {
    let world = World::new("one");
    let _go = world.hold("one");
    let mut ci = Ci::start(&world);
    ci.log_in().await;
    let job = ci.job("build", |phase| *phase == Phase::Running).await;
    let path = format!("/jobs/{job}/cancel");
    let foreign: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:9999")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8080")],
    ];
    for headers in foreign {
        let request =
            headers.iter().fold(ci.request("POST", &path), |r, (name, value)| r.header(*name, *value));
        assert_eq!(ci.send(request).await.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(ci.engine.live().await.len(), 1, "nothing was cancelled");
    assert_eq!(ci.get(&path).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let large = ci.request("POST", &path).header("sec-fetch-site", "same-origin");
    let large = large.body(Body::from(vec![b'x'; 1 << 20])).unwrap();
    assert_eq!(ci.send_with(large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let ours = ci.request("POST", &path).header("sec-fetch-site", "same-origin");
    assert_eq!(ci.send(ours).await.status, StatusCode::SEE_OTHER);
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_wants_to_read_again_can() {
    let mut ci = Ci::start(&World::new("one"));
    ci.log_in().await;
    let answer = ci.post("/logout").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("set-cookie").contains("=; ") && answer.header("set-cookie").contains("Max-Age=0"));
    ci.engine.stop().await;
}
