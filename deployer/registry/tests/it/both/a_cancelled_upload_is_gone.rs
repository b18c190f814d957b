use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, UNKNOWN_DIGEST};

pub(super) async fn case(registry: &Endpoint) {
    let location = registry.begin_upload("a").await;
    let location = registry.patch(&location, b"hello").await;
    registry.send(Method::DELETE, &location).await.expect(StatusCode::NO_CONTENT);
    registry.send(Method::GET, &location).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
    let finished = registry.finish_upload(&location, UNKNOWN_DIGEST, b"").await;
    finished.expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
}
