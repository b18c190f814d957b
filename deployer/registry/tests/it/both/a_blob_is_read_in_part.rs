use reqwest::{Method, StatusCode};

use crate::support::{Answer, Endpoint};

pub(super) async fn case(registry: &Endpoint) {
    let digest = registry.push_blob("a", b"0123456789").await;
    let path = format!("/v2/a/blobs/{digest}");
    let read =
        async |range: &str| Answer::of(registry.request(Method::GET, &path).header("range", range)).await;
    for (range, content_range, part) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
    ] {
        let answer = read(range).await;
        answer.expect(StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(String::from_utf8_lossy(&answer.body), part);
    }
}
