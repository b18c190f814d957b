use reqwest::StatusCode;

use crate::support::Endpoint;

pub(super) async fn case(registry: &Endpoint) {
    let digest = registry.push_blob("a", b"").await;
    let got = registry.get(&format!("/v2/a/blobs/{digest}")).await;
    got.expect(StatusCode::OK);
    assert_eq!(got.body, b"");
}
