use crate::support::{Docker, Endpoint, random};

/// An image whose second layer is 64 MiB that can't be compressed.
pub(super) async fn case(registry: &Endpoint) {
    let files = tempfile::tempdir().unwrap();
    let (small, large) = (files.path().join("small"), files.path().join("large"));
    std::fs::write(&small, random(1000)).unwrap();
    std::fs::write(&large, random(64 * 1024 * 1024)).unwrap();
    let docker = Docker::at(registry.address());
    docker.build("v1", &[&small, &large]).await;
    let id = docker.id(&docker.tag("v1")).await;

    let (_, digest) = docker.push("v1").await;
    docker.run(&["image", "rm", &docker.tag("v1")]).await;
    docker.run(&["pull", "--quiet", &docker.tag("v1")]).await;
    assert_eq!(docker.id(&docker.tag("v1")).await, id);

    docker.run(&["image", "rm", &docker.tag("v1")]).await;
    docker.run(&["pull", "--quiet", &docker.by_digest(&digest)]).await;
    assert_eq!(docker.id(&docker.by_digest(&digest)).await, id);
}
