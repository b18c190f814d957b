use reqwest::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Endpoint, Image, SERVED_DIR, serve_until_told, spawn_this_test};

const THIS: &str = "ours::a_kill_in_the_middle_of_a_push_loses_what_was_not_answered::a_kill_in_the_middle_of_a_push_loses_what_was_not_answered";

/// And nothing else: killed with blobs stored, a manifest not yet sent, and a chunk half sent, the same port answers
/// with the blobs, the push goes on where it was, and no file is left of the chunk.
#[tokio::test]
async fn a_kill_in_the_middle_of_a_push_loses_what_was_not_answered() {
    if let Ok(dir) = std::env::var(SERVED_DIR) {
        return serve_until_told(&dir).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = Image::docker("interrupted");
    let (mut child, address) = spawn_this_test(THIS, dir.path(), &[]).await;
    let registry = Endpoint::at(&address);
    image.push_blobs(&registry, "a").await;
    let location = registry.begin_upload("a").await;
    let location = registry.patch(&location, b"hello").await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!("PATCH {location} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\nworld");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 1);
    child.kill().await.unwrap();

    let (mut child, again) = spawn_this_test(THIS, dir.path(), &[]).await;
    assert_eq!(again, address);
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    let registry = Endpoint::at(&address);
    registry.manifest(Method::GET, "a", "v1").await.expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    let pushed = registry.push_manifest("a", "v1", image.media_type, &image.manifest).await;
    pushed.expect(StatusCode::CREATED);
    child.kill().await.unwrap();

    let (mut child, _) = spawn_this_test(THIS, dir.path(), &[]).await;
    let registry = Endpoint::at(&address);
    assert_eq!(registry.manifest(Method::GET, "a", "v1").await.body, image.manifest);
    child.kill().await.unwrap();
}
