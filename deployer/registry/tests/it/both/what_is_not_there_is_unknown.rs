use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, UNKNOWN_DIGEST};

pub(super) async fn case(registry: &Endpoint) {
    let blob = format!("/v2/a/blobs/{UNKNOWN_DIGEST}");
    registry.get(&blob).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
    registry.send(Method::DELETE, &blob).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
    for reference in ["v1", UNKNOWN_DIGEST] {
        let got = registry.manifest(Method::GET, "a", reference).await;
        got.expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
        let head = registry.manifest(Method::HEAD, "a", reference).await;
        head.expect(StatusCode::NOT_FOUND);
    }
    registry.get("/v2/a/blobs/sha256:zz").await.expect_error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    registry.send(Method::POST, "/v2/a/tags/list").await.expect(StatusCode::METHOD_NOT_ALLOWED);
    registry.send(Method::POST, &blob).await.expect(StatusCode::METHOD_NOT_ALLOWED);
    registry.get("/elsewhere").await.expect(StatusCode::NOT_FOUND);
}
