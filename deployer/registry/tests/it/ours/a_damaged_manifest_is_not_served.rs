use ci_registry::Registry;
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image, Ours};

/// What can't be read loses only itself, and is healed by a push.
#[tokio::test]
async fn a_damaged_manifest_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Ours::serve(Registry::open(dir.path()).unwrap()).await;
    let registry = Endpoint::at(&ours.address);
    let (damaged, whole) = (Image::oci("damaged"), Image::oci("whole"));
    damaged.push(&registry, "a", "damaged").await;
    whole.push(&registry, "a", "whole").await;
    let hex = damaged.digest().hex().to_owned();
    let bytes = dir.path().join("blobs/sha256").join(&hex[..2]).join(&hex);
    std::fs::write(&bytes, &damaged.manifest[1..]).unwrap();
    std::fs::write(dir.path().join("repositories/a/_tags/torn"), "sha2").unwrap();

    let refused = registry.manifest(Method::GET, "a", "damaged").await;
    refused.expect_error(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN");
    assert!(refused.json().to_string().contains("push the image again"));
    registry
        .manifest(Method::GET, "a", "torn")
        .await
        .expect_error(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN");
    registry.manifest(Method::GET, "a", "whole").await.expect(StatusCode::OK);

    damaged.push(&registry, "a", "damaged").await;
    assert_eq!(registry.manifest(Method::GET, "a", "damaged").await.body, damaged.manifest);
    // A blob whose bytes are gone is one that has to be pushed again.
    std::fs::remove_file(&bytes).unwrap();
    registry
        .manifest(Method::GET, "a", "damaged")
        .await
        .expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    drop(registry);
    ours.stop().await;
}
