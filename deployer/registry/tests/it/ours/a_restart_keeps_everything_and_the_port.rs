use ci_registry::{Digest, Registry};
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image, Ours};

/// Also an upload that was open is gone, and nothing of it is left.
#[tokio::test]
async fn a_restart_keeps_everything_and_the_port() {
    let dir = tempfile::tempdir().unwrap();
    let image = Image::oci("kept");
    let ours = Ours::serve(Registry::open(dir.path()).unwrap()).await;
    let address = ours.address.clone();
    let registry = Endpoint::at(&address);
    image.push(&registry, "a/b", "v1").await;
    let location = registry.begin_upload("a/b").await;
    registry.patch(&location, b"hello").await;
    drop(registry);
    ours.stop().await;

    let again = Registry::open(dir.path()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    let ours = Ours::serve(again).await;
    assert_eq!(ours.address, address);
    let registry = Endpoint::at(&address);
    assert_eq!(registry.manifest(Method::GET, "a/b", "v1").await.body, image.manifest);
    assert_eq!(registry.get(&format!("/v2/a/b/blobs/{}", Digest::of(&image.layer))).await.body, image.layer);
    registry.send(Method::GET, &location).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
    drop(registry);
    ours.stop().await;
}
