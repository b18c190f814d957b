use reqwest::{Method, StatusCode};

use crate::support::Endpoint;

pub(super) async fn case(registry: &Endpoint) {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = registry.push_blob("a/b", &bytes).await;
    let path = format!("/v2/a/b/blobs/{digest}");

    let head = registry.send(Method::HEAD, &path).await;
    head.expect(StatusCode::OK);
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    assert_eq!(head.header("docker-content-digest"), digest.to_string());

    let got = registry.get(&path).await;
    got.expect(StatusCode::OK);
    assert_eq!(got.header("content-type"), "application/octet-stream");
    assert!(got.body == bytes, "the bytes should come back");

    // The colon may be encoded.
    registry.get(&path.replace("sha256:", "sha256%3A")).await.expect(StatusCode::OK);
}
