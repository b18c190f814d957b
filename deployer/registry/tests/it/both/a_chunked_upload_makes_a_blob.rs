use ci_registry::Digest;
use reqwest::{Method, StatusCode};

use crate::support::Endpoint;

pub(super) async fn case(registry: &Endpoint) {
    let location = registry.begin_upload("a").await;
    let location = registry.patch(&location, b"hello ").await;
    let location = registry.patch(&location, b"wor").await;

    let status = registry.send(Method::GET, &location).await;
    status.expect(StatusCode::NO_CONTENT);
    assert_eq!(status.header("range"), "0-8");

    let digest = Digest::of(b"hello world").to_string();
    // The location that was given last is the one to use.
    let finished = registry.finish_upload(status.header("location"), &digest, b"ld").await;
    finished.expect(StatusCode::CREATED);
    assert_eq!(registry.get(&format!("/v2/a/blobs/{digest}")).await.body, b"hello world");

    registry.send(Method::GET, &location).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
}
