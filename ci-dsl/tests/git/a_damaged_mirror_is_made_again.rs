//! However a mirror was damaged, the next fetch repairs it, once, and says so.

use std::path::Path;

use crate::fixture::{Source, World, git_in, log_of, lose};

const MADE_AGAIN: &str = "The mirror of demo is damaged. It is made again.";

/// What the log of the fetch says after the damage. All commits must be readable again.
async fn survives(damage: impl FnOnce(&Path, &Source)) -> String {
    let world = World::new().await;
    let source = world.source("demo");
    let old = world.head(&source).await;
    world.git.fetch(&world.job(), &old).await.unwrap();
    source.commit("b", "2");
    let new = world.head(&source).await;

    damage(&world.mirror(), &source);
    let job = world.job();
    world.git.fetch(&job, &new).await.unwrap();
    world.git.fetch(&world.job(), &old).await.unwrap();
    for commit in [&old, &new] {
        let path = "README".parse().unwrap();
        assert_eq!(world.git.read_file(commit, &path, 100).await.unwrap().unwrap(), b"hello\n");
    }
    // Nothing is left of the damaged one.
    assert_eq!(world.left_in_state().len(), 2, "{:?}", world.left_in_state());
    log_of(&job)
}

async fn is_made_again(damage: impl FnOnce(&Path, &Source)) {
    let said = survives(damage).await;
    assert!(said.contains(MADE_AGAIN), "{said}");
}

#[tokio::test]
async fn without_its_head() {
    is_made_again(|mirror, _| std::fs::remove_file(mirror.join("HEAD")).unwrap()).await;
}

#[tokio::test]
async fn with_a_nonsensical_configuration() {
    is_made_again(|mirror, _| std::fs::write(mirror.join("config"), "[[[").unwrap()).await;
}

#[tokio::test]
async fn but_git_itself_gets_a_commit_again_that_is_gone() {
    let said = survives(|mirror, source| lose(mirror, &source.git(["rev-parse", "HEAD~1"]))).await;
    assert!(!said.contains(MADE_AGAIN), "{said}");
}

#[tokio::test]
async fn with_a_lock_that_nobody_holds() {
    is_made_again(|mirror, source| {
        let id = source.git(["rev-parse", "HEAD"]);
        std::fs::write(mirror.join("refs/ci/keep").join(format!("{id}.lock")), "").unwrap();
    })
    .await;
}

#[tokio::test]
async fn with_a_kept_commit_that_is_not_whole() {
    let world = World::new().await;
    let source = world.source("demo");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    let tree = source.git(["rev-parse", "HEAD^{tree}"]);
    lose(&world.mirror(), &tree);
    let job = world.job();
    world.git.fetch(&job, &head).await.unwrap();
    assert!(log_of(&job).contains(MADE_AGAIN), "{}", log_of(&job));
    git_in(&world.mirror(), ["fsck", "--strict"]);
}

#[tokio::test]
async fn with_a_pack_whose_bytes_have_changed() {
    is_made_again(|mirror, _| {
        let mut packs = mirror.join("objects/pack").read_dir().unwrap().map(|entry| entry.unwrap().path());
        let pack = packs.find(|path| path.extension().is_some_and(|extension| extension == "pack")).unwrap();
        let mut bytes = std::fs::read(&pack).unwrap();
        let end = bytes.len() - 20;
        bytes[12..end].fill(0x55);
        std::fs::remove_file(&pack).unwrap();
        std::fs::write(&pack, bytes).unwrap();
    })
    .await;
}
