//! However a fetch ends, the next one works, and nothing of the first one runs on.

use ci_core::FailureKind;
use ci_dsl::git::{Commit, Git, GitOptions};
use testbed::{GitServer, GitServing};

use crate::fixture::{World, branch, on};

async fn world_and_server() -> (World, GitServer, Commit) {
    let world = World::new().await;
    let source = world.source("demo");
    let noise: Vec<String> = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect();
    source.commit("noise", &noise.concat());
    let server = GitServer::serving(&world.path(""));
    let head = world.git.head(&on(&server, "demo/.git"), &branch("live")).await.unwrap();
    (world, server, head)
}

#[tokio::test]
async fn when_nobody_waits_for_it_any_more() {
    let (world, server, head) = world_and_server().await;
    server.serve(GitServing::StallInPack);
    let job = world.job();
    tokio::select! {
        result = world.git.fetch(&job, &head) => panic!("{result:?}"),
        () = server.stalled() => {}
    }
    server.hung_up().await;
    server.serve(GitServing::Well);
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert!(world.git.archive(&head, None).await.is_ok());
}

#[tokio::test]
async fn when_its_job_is_cancelled() {
    let (world, server, head) = world_and_server().await;
    server.serve(GitServing::StallInPack);
    let job = world.job();
    let (result, ()) = tokio::join!(world.git.fetch(&job, &head), async {
        server.stalled().await;
        job.cancel().supersede("a newer commit came");
    });
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.message()), (FailureKind::Superseded, "superseded: a newer commit came"));
    server.serve(GitServing::Well);
    world.git.fetch(&world.job(), &head).await.unwrap();
}

#[tokio::test]
async fn when_the_connection_breaks() {
    let (world, server, head) = world_and_server().await;
    server.serve(GitServing::CutPack);
    let error = world.git.fetch(&world.job(), &head).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Infrastructure, "{error}");
    server.serve(GitServing::Well);
    world.git.fetch(&world.job(), &head).await.unwrap();
}

#[tokio::test]
async fn when_a_waiting_job_is_cancelled_it_leaves_the_queue() {
    let (world, server, head) = world_and_server().await;
    server.serve(GitServing::StallInPack);
    let (first, second) = (world.job(), world.job());
    let waiting = async {
        server.stalled().await;
        second.cancel().cancel("asked by a test");
        world.git.fetch(&second, &head).await.unwrap_err()
    };
    tokio::select! {
        result = world.git.fetch(&first, &head) => panic!("{result:?}"),
        error = waiting => assert_eq!(error.kind(), FailureKind::Cancelled),
    }
}

#[tokio::test]
async fn and_what_an_earlier_process_left_half_done_is_removed() {
    let world = World::new().await;
    let source = world.source("demo");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    let half = world.path("state/git/.unfinished-abc/new.git");
    std::fs::create_dir_all(&half).unwrap();
    let git = Git::open(world.path("state"), GitOptions::default()).await.unwrap();
    assert!(!half.exists() && world.left_in_state().len() == 2, "{:?}", world.left_in_state());
    git.fetch(&world.job(), &head).await.unwrap();
}
