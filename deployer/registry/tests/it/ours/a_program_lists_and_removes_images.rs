use ci_registry::{Name, Registry, Tag};
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image, Ours};

/// Without asking over HTTP.
#[tokio::test]
async fn a_program_lists_and_removes_images() {
    let dir = tempfile::tempdir().unwrap();
    let library = Registry::open(dir.path()).unwrap();
    let ours = Ours::serve(library.clone()).await;
    let registry = Endpoint::at(&ours.address);
    let (one, two) = (Image::docker("one"), Image::oci("two"));
    one.push(&registry, "a/b", "v1").await;
    two.push(&registry, "a/b", "v2").await;
    two.push(&registry, "a/b", "latest").await;
    let name: Name = "a/b".parse().unwrap();
    let tag = |tag: &str| tag.parse::<Tag>().unwrap();
    assert_eq!(library.repositories().await.unwrap(), std::slice::from_ref(&name));
    let listed = library.tags(&name).await.unwrap();
    assert_eq!(listed, [(tag("latest"), two.digest()), (tag("v1"), one.digest()), (tag("v2"), two.digest())]);

    assert!(library.delete_tag(&name, &tag("v2")).await.unwrap());
    assert!(!library.delete_tag(&name, &tag("v2")).await.unwrap());
    registry.manifest(Method::GET, "a/b", &two.digest().to_string()).await.expect(StatusCode::OK);
    assert!(library.delete_manifest(&name, &two.digest()).await.unwrap());
    assert!(!library.delete_manifest(&name, &two.digest()).await.unwrap());
    assert_eq!(library.tags(&name).await.unwrap(), [(tag("v1"), one.digest())]);
    assert_eq!(library.tags(&"nobody".parse().unwrap()).await.unwrap(), []);
    drop(registry);
    ours.stop().await;
}
