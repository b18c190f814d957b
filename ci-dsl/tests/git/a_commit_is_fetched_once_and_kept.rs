//! A commit is brought to the mirror once, with all it needs, and stays.

use std::sync::Arc;

use testbed::GitServer;

use crate::fixture::{World, branch, git_in, log_of, on};

fn packs_asked_for(server: &GitServer) -> usize {
    server.requests().iter().filter(|request| request.starts_with("POST")).count()
}

#[tokio::test]
async fn over_http_and_not_a_second_time() {
    let world = World::new().await;
    let source = world.source("demo");
    let server = GitServer::serving(&world.path(""));
    let head = world.git.head(&on(&server, "demo/.git"), &branch("live")).await.unwrap();
    let job = world.job();
    world.git.fetch(&job, &head).await.unwrap();
    let log = log_of(&job);
    assert!(log.contains(&format!("Fetching live for {} from http://", head.id.short())), "{log}");

    let asked = packs_asked_for(&server);
    let job = world.job();
    world.git.fetch(&job, &head).await.unwrap();
    assert!(log_of(&job).contains("nothing to fetch"), "{}", log_of(&job));
    assert_eq!(packs_asked_for(&server), asked);

    // Its ancestors are there as well, without asking: a roll back needs no network.
    let old = head.clone();
    source.commit("b", "2");
    let head = world.git.head(&on(&server, "demo/.git"), &branch("live")).await.unwrap();
    git_in(&world.mirror(), ["update-ref", "-d", &format!("refs/ci/keep/{}", old.id)]);
    world.git.fetch(&world.job(), &head).await.unwrap();
    drop(server);
    world.git.fetch(&world.job(), &old).await.unwrap();
}

#[tokio::test]
async fn by_many_at_the_same_time() {
    let world = Arc::new(World::new().await);
    let source = world.source("with space, ünï");
    let mut heads = Vec::new();
    for n in 0..8 {
        source.commit("n", &n.to_string());
        source.git(["branch", &format!("b{n}")]);
        heads.push(world.git.head(&source.url(), &branch(&format!("b{n}"))).await.unwrap());
    }
    let fetches: Vec<_> = heads
        .into_iter()
        .map(|head| {
            let world = world.clone();
            tokio::spawn(async move { world.git.clone().fetch(&world.job(), &head).await })
        })
        .collect();
    for fetch in fetches {
        fetch.await.unwrap().unwrap();
    }
    assert_eq!(git_in(&world.mirror(), ["for-each-ref", "refs/ci/keep"]).lines().count(), 8);
}

#[tokio::test]
async fn when_a_branch_takes_the_place_of_a_folder_of_branches() {
    let world = World::new().await;
    let source = world.source("demo");
    source.git(["branch", "a/b"]);
    let first = world.git.head(&source.url(), &branch("a/b")).await.unwrap();
    world.git.fetch(&world.job(), &first).await.unwrap();
    source.git(["branch", "-D", "a/b"]);
    source.commit("x", "2");
    source.git(["branch", "a"]);
    let second = world.git.head(&source.url(), &branch("a")).await.unwrap();
    world.git.fetch(&world.job(), &second).await.unwrap();
}

#[tokio::test]
async fn with_ids_of_the_longer_kind() {
    let world = World::new().await;
    let source = world.source_with("demo", &["--object-format=sha256"]);
    let head = world.head(&source).await;
    assert_eq!(head.id.as_str().len(), 64);
    world.git.fetch(&world.job(), &head).await.unwrap();
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert_eq!(world.git.describe(&head).await.unwrap().subject, "Write README");
}

#[tokio::test]
async fn whatever_else_happens_to_its_repository() {
    let world = World::new().await;
    let source = world.source("demo");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    std::fs::remove_dir_all(&source.path).unwrap();
    git_in(&world.mirror(), ["gc", "--quiet", "--prune=now"]);
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert!(world.git.archive(&head, None).await.is_ok());
}

#[tokio::test]
async fn many_times_and_the_mirror_stays_small() {
    let world = World::new().await;
    let source = world.source("demo");
    let mut heads = Vec::new();
    for n in 0..25 {
        source.commit("n", &n.to_string());
        heads.push(world.head(&source).await);
        world.git.fetch(&world.job(), heads.last().unwrap()).await.unwrap();
    }
    let files = world.mirror().join("objects/pack").read_dir().unwrap().count();
    assert!(files <= 30, "{files}");
    for head in &heads {
        world.git.fetch(&world.job(), head).await.unwrap();
    }
    git_in(&world.mirror(), ["fsck", "--strict"]);
}
