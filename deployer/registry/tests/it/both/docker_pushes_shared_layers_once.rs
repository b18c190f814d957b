use crate::support::{Docker, Endpoint, random};

/// Two images over one layer, pushed at the same time; then one of them again, and the other to another repository.
pub(super) async fn case(registry: &Endpoint) {
    let files = tempfile::tempdir().unwrap();
    let paths = ["shared", "one", "two"].map(|name| files.path().join(name));
    for path in &paths {
        std::fs::write(path, random(1_000_000)).unwrap();
    }
    let [shared, one, two] = paths;
    let docker = Docker::at(registry.address());
    docker.build("one", &[&shared, &one]).await;
    docker.build("two", &[&shared, &two]).await;
    let ids = [docker.id(&docker.tag("one")).await, docker.id(&docker.tag("two")).await];
    tokio::join!(docker.push("one"), docker.push("two"));

    let (said, digest) = docker.push("one").await;
    assert_eq!(said.matches("Layer already exists").count(), 2, "{said}");

    let elsewhere = Docker::at(registry.address());
    docker.run(&["tag", &docker.tag("one"), &elsewhere.tag("one")]).await;
    let (said, there) = elsewhere.push("one").await;
    assert_eq!(said.matches("Mounted from").count(), 2, "{said}");
    assert_eq!(there, digest);
    docker.run(&["image", "rm", &elsewhere.tag("one")]).await;

    for (tag, id) in ["one", "two"].into_iter().zip(ids) {
        docker.run(&["image", "rm", &docker.tag(tag)]).await;
        docker.run(&["pull", "--quiet", &docker.tag(tag)]).await;
        assert_eq!(docker.id(&docker.tag(tag)).await, id);
    }
}
