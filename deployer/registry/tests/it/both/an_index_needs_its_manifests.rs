use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image, MEDIA_TYPES};

pub(super) async fn case(registry: &Endpoint) {
    let (one, two) = (Image::oci("one"), Image::oci("two"));
    let index = Image::index(&[&one, &two]);
    one.push(registry, "a", "one").await;
    let refused = registry.push_manifest("a", "all", MEDIA_TYPES[3], &index).await;
    refused.expect_error(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN");

    two.push_blobs(registry, "a").await;
    registry
        .push_manifest("a", &two.digest().to_string(), two.media_type, &two.manifest)
        .await
        .expect(StatusCode::CREATED);
    registry.push_manifest("a", "all", MEDIA_TYPES[3], &index).await.expect(StatusCode::CREATED);
    let got = registry.manifest(Method::GET, "a", "all").await;
    assert_eq!(got.header("content-type"), MEDIA_TYPES[3]);
    assert_eq!(got.body, index);
}
