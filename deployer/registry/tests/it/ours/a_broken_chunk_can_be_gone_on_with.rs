use std::time::Duration;

use ci_registry::Digest;
use reqwest::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::Endpoint;

/// A connection that breaks in the middle of a chunk costs what did not arrive.
#[tokio::test]
async fn a_broken_chunk_can_be_gone_on_with() {
    let registry = Endpoint::ours().await;
    let location = registry.begin_upload("a").await;
    let path = location.strip_prefix(&format!("http://{}", registry.address())).unwrap_or(&location);
    let mut stream = TcpStream::connect(registry.address()).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/octet-stream\r\nContent-Length: 10\r\n\r\nhello",
        registry.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);

    // When the registry notices is its own matter, so it is asked until it has.
    let status = loop {
        let status = registry.send(Method::GET, &location).await;
        status.expect(StatusCode::NO_CONTENT);
        if status.header("range") == "0-4" {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let digest = Digest::of(b"hello world").to_string();
    let finished = loop {
        let finished = registry.finish_upload(status.header("location"), &digest, b" world").await;
        if finished.status != StatusCode::CONFLICT {
            break finished;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    finished.expect(StatusCode::CREATED);
    assert_eq!(registry.get(&format!("/v2/a/blobs/{digest}")).await.body, b"hello world");
    registry.stop().await;
}
