//! What can't be read says why, what to do, and whether to try again.

use ci_core::{FailureKind, OpError};
use ci_dsl::git::{Commit, RepoUrl};
use testbed::{GitServer, GitServing};

use crate::fixture::{World, branch, git_in, on};

async fn failed_head(world: &World, url: &RepoUrl) -> OpError {
    world.git.head(url, &branch("nope")).await.unwrap_err()
}

#[tokio::test]
async fn a_missing_directory_and_one_that_is_no_repository() {
    let world = World::new().await;
    std::fs::create_dir(world.path("empty")).unwrap();
    for name in ["no such", "empty"] {
        let path = world.path(name);
        let url = RepoUrl::parse(path.to_str().unwrap()).unwrap();
        let error = failed_head(&world, &url).await;
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert_eq!(error.message(), format!("there is no Git repository at {}", path.display()));
        assert_eq!(error.hint(), Some("check the path, or make a repository there with `git init`"));
        assert_eq!(world.git.watch(&url).await.unwrap_err().message(), error.message());
    }
}

#[tokio::test]
async fn a_missing_branch_and_some_of_those_there_are() {
    let world = World::new().await;
    let source = world.source("demo");
    for name in ["a", "b/c", "refs-x", "d", "e"] {
        source.git(["branch", name]);
    }
    let error = failed_head(&world, &source.url()).await;
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.message(), "demo has no branch nope");
    assert_eq!(error.hint(), Some("push one of that name, or name another: it has a, b/c, d, e, live, …"));

    std::fs::create_dir(world.path("new")).unwrap();
    git_in(&world.path("new"), ["init", "--quiet"]);
    let error = failed_head(&world, &RepoUrl::parse(world.path("new").to_str().unwrap()).unwrap()).await;
    assert_eq!(error.hint(), Some("it has no branch yet: push one"));
}

#[tokio::test]
async fn a_server_that_is_down_or_busy_is_tried_again() {
    let world = World::new().await;
    let source = world.source("demo");
    let server = GitServer::serving(&world.path(""));
    let url = on(&server, "demo/.git");
    let commit = Commit { repo: url.clone(), ..world.head(&source).await };
    server.serve(GitServing::Fail);
    let fetched = async || world.git.fetch(&world.job(), &commit).await.unwrap_err().kind();
    assert_eq!(failed_head(&world, &url).await.kind(), FailureKind::Infrastructure);
    assert_eq!(fetched().await, FailureKind::Infrastructure);
    drop(server);
    let error = failed_head(&world, &url).await;
    assert_eq!(error.kind(), FailureKind::Infrastructure);
    let told = format!("{url} can't be read: Failed to connect to 127.0.0.1 ");
    assert!(error.message().starts_with(&told), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.starts_with("it is asked again by itself")), "{error}");
    assert_eq!(fetched().await, FailureKind::Infrastructure);
}

#[tokio::test]
async fn a_server_that_asks_for_a_password_or_has_no_such_repository() {
    let world = World::new().await;
    let server = GitServer::serving(&world.path(""));
    let error = failed_head(&world, &on(&server, "nope.git")).await;
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.message(), format!("there is no Git repository at {}", on(&server, "nope.git")));

    server.serve(GitServing::AskForPassword);
    let error = failed_head(&world, &on(&server, "nope.git")).await;
    assert_eq!(error.kind(), FailureKind::Infrastructure, "a password may be put right");
    assert!(error.message().contains("/nope.git does not let this machine in: "), "{error}");
    assert_eq!(error.hint(), Some("give this machine access: an ssh key, or an entry in .netrc"));
}

#[tokio::test]
async fn what_goes_wrong_between_reading_the_branch_and_fetching_it_is_never_held_against_the_commit() {
    let world = World::new().await;
    let source = world.source("demo");
    let server = GitServer::serving(&world.path(""));
    let head = world.git.head(&on(&server, "demo/.git"), &branch("live")).await.unwrap();
    let fetched = async || world.git.fetch(&world.job(), &head).await;
    server.serve(GitServing::AskForPassword);
    assert_eq!(fetched().await.unwrap_err().kind(), FailureKind::Infrastructure);
    server.serve(GitServing::Well);
    std::fs::rename(&source.path, world.path("away")).unwrap();
    let error = fetched().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Infrastructure);
    assert_eq!(error.message(), format!("there is no Git repository at {}", on(&server, "demo/.git")));
    std::fs::rename(world.path("away"), &source.path).unwrap();
    fetched().await.unwrap();
}
