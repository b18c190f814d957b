use ci_registry::Digest;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Endpoint;

/// And belongs to the repository it was begun in.
#[tokio::test]
async fn an_upload_has_one_writer_at_a_time() {
    let registry = Endpoint::ours().await;
    let location = registry.begin_upload("a").await;
    let elsewhere = location.replace("/v2/a/", "/v2/b/");
    registry.send(Method::GET, &elsewhere).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");

    let mut stream = TcpStream::connect(registry.address()).await.unwrap();
    let host = registry.address();
    // The registry says that it reads on: it has the upload.
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = [0; 256];
    let len = stream.read(&mut read).await.unwrap();
    assert!(read[..len].starts_with(b"HTTP/1.1 100"));

    let digest = Digest::of(b"hello").to_string();
    let second = registry.finish_upload(&location, &digest, b"").await;
    second.expect_error(StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID");

    stream.write_all(b"hello").await.unwrap();
    let len = stream.read(&mut read).await.unwrap();
    assert!(read[..len].starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&read[..len]));
    registry.finish_upload(&location, &digest, b"").await.expect(StatusCode::CREATED);
    registry.stop().await;
}
