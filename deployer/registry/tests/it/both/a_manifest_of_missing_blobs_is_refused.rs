use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Endpoint, Image};

/// Each missing blob is named. A blob that only another repository holds is missing.
pub(super) async fn case(registry: &Endpoint) {
    let image = Image::docker("incomplete");
    image.push_blobs(registry, "elsewhere").await;
    registry.push_blob("a", &image.config).await;
    let refused = registry.push_manifest("a", "v1", image.media_type, &image.manifest).await;
    refused.expect_error(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN");
    assert!(refused.json().to_string().contains(&ci_registry::Digest::of(&image.layer).to_string()));
    assert_eq!(refused.json()["errors"].as_array().map(Vec::len), Some(1), "{}", json!(refused.json()));
    registry.manifest(Method::GET, "a", "v1").await.expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
}
