use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image, UNKNOWN_DIGEST};

pub(super) async fn case(registry: &Endpoint) {
    let image = Image::oci("by digest");
    image.push_blobs(registry, "a").await;
    let digest = image.digest().to_string();
    let wrong = registry.push_manifest("a", UNKNOWN_DIGEST, image.media_type, &image.manifest).await;
    wrong.expect_error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    registry
        .manifest(Method::GET, "a", &digest)
        .await
        .expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");

    let pushed = registry.push_manifest("a", &digest, image.media_type, &image.manifest).await;
    pushed.expect(StatusCode::CREATED);
    assert!(pushed.header("location").ends_with(&format!("/v2/a/manifests/{digest}")));
    assert_eq!(registry.manifest(Method::GET, "a", &digest).await.body, image.manifest);
}
