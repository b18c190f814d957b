use ci_registry::Digest;
use reqwest::{Method, StatusCode};

use crate::support::{Answer, Endpoint, raw_request};

/// Chunks come in order and are as long as they say. What does not fit leaves the upload as it was.
#[tokio::test]
async fn a_chunk_must_be_what_it_says() {
    let registry = Endpoint::ours().await;
    let location = registry.begin_upload("a").await;
    let patch = async |range: &str, bytes: &'static str| {
        Answer::of(registry.request(Method::PATCH, &location).header("content-range", range).body(bytes))
            .await
    };
    patch("0-4", "hello").await.expect(StatusCode::ACCEPTED);
    for (range, bytes) in [("0-4", "hello"), ("6-9", "worl"), ("4-8", "hello")] {
        let refused = patch(range, bytes).await;
        refused.expect_error(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID");
        assert_eq!(refused.header("range"), "0-4");
        assert_eq!(refused.header("location"), location);
    }
    patch("5-9", "toolong").await.expect_error(StatusCode::BAD_REQUEST, "SIZE_INVALID");
    patch("5-9", "x").await.expect_error(StatusCode::BAD_REQUEST, "SIZE_INVALID");
    for range in ["5", "9-5", "a-b", "-"] {
        patch(range, "hello").await.expect_error(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID");
    }

    // Without a length beforehand, the bytes are written before they turn out to be too many or too few.
    for chunk in ["7\r\ntoolong\r\n0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n"] {
        let host = registry.address();
        let (status, body) = raw_request(
            host,
            &format!(
                "PATCH {location} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Range: 5-9\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{chunk}"
            ),
        )
        .await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("SIZE_INVALID"), "{body}");
    }
    assert_eq!(registry.send(Method::GET, &location).await.header("range"), "0-4");

    let digest = Digest::of(b"hello world").to_string();
    let request = registry.request(Method::PUT, &format!("{location}?digest={digest}"));
    Answer::of(request.header("content-range", "5-10").body(" world")).await.expect(StatusCode::CREATED);
    assert_eq!(registry.get(&format!("/v2/a/blobs/{digest}")).await.body, b"hello world");
    registry.stop().await;
}
