//! A mirror of a repository that is not named any more can be found and removed; asked for again, it is made anew.

use crate::fixture::{World, branch, log_of};

#[tokio::test]
async fn a_mirror_that_nobody_asks_for_is_removed() {
    let world = World::new().await;
    let (demo, other) = (world.source("demo"), world.source("other"));
    let head = world.git.head(&demo.url(), &branch("live")).await.unwrap();
    world.git.fetch(&world.job(), &head).await.unwrap();
    let theirs = world.git.head(&other.url(), &branch("live")).await.unwrap();
    world.git.fetch(&world.job(), &theirs).await.unwrap();

    assert_eq!(world.git.unused_mirrors(&[demo.url(), other.url()]).await.unwrap(), []);
    let unused = world.git.unused_mirrors(&[other.url()]).await.unwrap();
    let [mirror] = &unused[..] else { panic!("{unused:?}") };
    assert!(mirror.name().starts_with("demo-") && mirror.bytes > 0, "{mirror:?}");
    assert!(mirror.used_at.elapsed().is_ok_and(|age| age.as_secs() < 600), "{mirror:?}");
    world.git.remove_mirror(mirror).await.unwrap();
    world.git.remove_mirror(mirror).await.expect("what is gone is no error");
    assert_eq!(world.git.unused_mirrors(&[other.url()]).await.unwrap(), []);
    assert_eq!(world.git.unused_mirrors(&[]).await.unwrap().len(), 1, "the other is there");

    let job = world.job();
    world.git.fetch(&job, &head).await.unwrap();
    assert!(log_of(&job).contains("Fetching live"), "{}", log_of(&job));
    assert_eq!(world.git.unused_mirrors(&[other.url()]).await.unwrap().len(), 1);
}
