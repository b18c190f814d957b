use ci_registry::Digest;
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, UNKNOWN_DIGEST};

pub(super) async fn case(registry: &Endpoint) {
    let mount = format!("/v2/a/blobs/uploads/?mount={UNKNOWN_DIGEST}&from=nobody");
    let begun = registry.send(Method::POST, &mount).await;
    begun.expect(StatusCode::ACCEPTED);
    let digest = Digest::of(b"then so").to_string();
    registry.finish_upload(begun.header("location"), &digest, b"then so").await.expect(StatusCode::CREATED);
}
