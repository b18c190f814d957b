use reqwest::{Method, StatusCode};

use crate::support::{Answer, Endpoint};

#[tokio::test]
async fn a_range_beyond_the_blob_is_not_satisfiable() {
    let registry = Endpoint::ours().await;
    let digest = registry.push_blob("a", b"0123456789").await;
    let request =
        registry.request(Method::GET, &format!("/v2/a/blobs/{digest}")).header("range", "bytes=10-");
    let beyond = Answer::of(request).await;
    beyond.expect_error(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID");
    assert_eq!(beyond.header("content-range"), "bytes */10");
    registry.stop().await;
}
