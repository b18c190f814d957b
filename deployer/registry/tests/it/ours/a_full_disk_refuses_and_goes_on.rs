use ci_registry::Digest;
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image, SERVED_DIR, random, serve_until_told, spawn_this_test};

const THIS: &str = "ours::a_full_disk_refuses_and_goes_on::a_full_disk_refuses_and_goes_on";

/// On a file system of 8 MiB, which only the serving process sees.
#[tokio::test]
async fn a_full_disk_refuses_and_goes_on() {
    if let Ok(dir) = std::env::var(SERVED_DIR) {
        return serve_until_told(&dir).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=8m tmpfs {} && exec \"$0\" \"$@\"", dir.path().display());
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", &mount];
    let (mut child, address) = spawn_this_test(THIS, dir.path(), &wrapper).await;
    let registry = Endpoint::at(&address);
    let image = Image::oci("before");
    image.push(&registry, "a", "v1").await;

    let too_large = random(9_000_000);
    let digest = Digest::of(&too_large).to_string();
    let location = registry.begin_upload("a").await;
    let half = registry.patch(&location, &too_large[..3_000_000]).await;
    let refused = registry.finish_upload(&half, &digest, &too_large[3_000_000..]).await;
    refused.expect_error(StatusCode::INSUFFICIENT_STORAGE, "UNKNOWN");
    assert!(refused.json()["errors"][0]["message"].as_str().unwrap().contains("disk is full"));
    registry.send(Method::GET, &location).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
    registry.get(&format!("/v2/a/blobs/{digest}")).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");

    // What was there is there, and what was taken is free again.
    assert_eq!(registry.manifest(Method::GET, "a", "v1").await.body, image.manifest);
    registry.push_blob("a", &too_large[..6_000_000]).await;
    child.kill().await.unwrap();
}
