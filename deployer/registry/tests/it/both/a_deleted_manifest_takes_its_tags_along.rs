use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image};

/// And no others.
pub(super) async fn case(registry: &Endpoint) {
    let (gone, stays) = (Image::docker("gone"), Image::docker("stays"));
    gone.push(registry, "a", "one").await;
    gone.push(registry, "a", "two").await;
    stays.push(registry, "a", "three").await;
    let path = format!("/v2/a/manifests/{}", gone.digest());
    registry.send(Method::DELETE, &path).await.expect(StatusCode::ACCEPTED);
    for reference in ["one", "two", &gone.digest().to_string()] {
        let got = registry.manifest(Method::GET, "a", reference).await;
        got.expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    }
    assert_eq!(registry.get("/v2/a/tags/list").await.json()["tags"], serde_json::json!(["three"]));
    registry.send(Method::DELETE, &path).await.expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
}
