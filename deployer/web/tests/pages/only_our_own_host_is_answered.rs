//! A name of a stranger that resolves to us is not answered, and every answer tells browsers what they may do.

use axum::http::StatusCode;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_host_is_answered() {
    let ci = Ci::start(&World::new("one"));
    ci.done().await;
    for ours in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST", "ci.example.org"] {
        let request = axum::http::Request::builder().uri("/").header("host", ours);
        assert_eq!(ci.send(request).await.status, StatusCode::OK, "{ours}");
    }
    for foreign in ["evil.example", "127.0.0.1.evil.example:8080", "10.1.2.3", "", "a b"] {
        let request = axum::http::Request::builder().uri("/").header("host", foreign);
        let answer = ci.send(request).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{foreign}");
        assert!(!answer.text.contains("site"), "nothing of ours is told");
    }
    let none = axum::http::Request::builder().uri("/");
    assert_eq!(ci.send(none).await.status, StatusCode::MISDIRECTED_REQUEST);
    let absolute = axum::http::Request::builder().uri("http://evil.example/").header("host", "localhost");
    assert_eq!(ci.send(absolute).await.status, StatusCode::MISDIRECTED_REQUEST);
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_browser_may_do() {
    let ci = Ci::start(&World::new("one"));
    ci.done().await;
    for path in
        ["/", "/graph", "/jobs", "/nowhere", "/jobs/2026-01-01/none", "/static/live.js", "/static/none"]
    {
        let answer = ci.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        for inline in ["<script>", " style=", "<style", " onclick", "javascript:"] {
            assert!(path.starts_with("/static") || !answer.text.contains(inline), "{path} holds {inline}");
        }
    }
    assert_eq!(ci.get("/nowhere").await.status, StatusCode::NOT_FOUND);
    assert!(ci.get("/nowhere").await.text.contains("no such page"));
    let answer = ci.send(ci.request("HEAD", "/")).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""));
    ci.engine.stop().await;
}
