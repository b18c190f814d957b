//! A head is read from a work tree, a bare repository, a linked work tree and over HTTP, and from nowhere else.

use ci_dsl::git::RepoUrl;
use testbed::GitServer;

use crate::fixture::{World, branch, git_in, on};

#[tokio::test]
async fn from_every_kind_of_repository() {
    let world = World::new().await;
    let source = world.source("a demo, ünï");
    let first = source.git(["rev-parse", "HEAD"]);
    let second = source.commit("b", "2");
    source.git(["branch", "old", &first]);
    git_in(&world.path(""), ["clone", "--quiet", "--bare", "a demo, ünï", "bare.git"]);
    source.git(["worktree", "add", "--quiet", "../linked", "old"]);
    let server = GitServer::serving(&world.path(""));

    let at = |name: &str| RepoUrl::parse(world.path(name).to_str().unwrap()).unwrap();
    for url in [source.url(), at("bare.git"), at("linked"), at("a demo, ünï/.git"), on(&server, "bare.git")]
    {
        let head = world.git.head(&url, &branch("live")).await.unwrap();
        assert_eq!((head.id.as_str(), &head.repo), (second.as_str(), &url));
        assert_eq!(world.git.head(&url, &branch("old")).await.unwrap().id.as_str(), first);
    }
}

#[tokio::test]
async fn from_a_repository_of_another_owner() {
    let world = World::with_env(&[("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")]).await;
    let source = world.source("demo");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert_eq!(world.git.describe(&head).await.unwrap().subject, "Write README");
    assert!(world.git.watch(&source.url()).await.unwrap().is_some());
}

#[tokio::test]
async fn of_exactly_the_reference_asked_for() {
    let world = World::new().await;
    let source = world.source("demo");
    let right = source.git(["rev-parse", "HEAD"]);
    let wrong = source.commit("b", "2");
    source.git(["update-ref", "refs/heads/x", &right]);
    source.git(["update-ref", "refs/a/refs/heads/x", &wrong]);
    source.git(["update-ref", "refs/heads/y/x", &wrong]);
    assert_eq!(world.git.head(&source.url(), &branch("x")).await.unwrap().id.as_str(), right);
}

#[tokio::test]
async fn of_a_tag_it_is_the_commit() {
    let world = World::new().await;
    let source = world.source("demo");
    source.git(["tag", "--annotate", "--message", "one", "v1"]);
    let head = world.git.head(&source.url(), &branch("refs/tags/v1")).await.unwrap();
    assert_eq!(head.id.as_str(), source.git(["rev-parse", "HEAD"]));
    world.git.fetch(&world.job(), &head).await.unwrap();
}

#[tokio::test]
async fn hostile_names_are_data() {
    let world = World::new().await;
    let source = world.source("demo");
    let id = source.git(["rev-parse", "HEAD"]);
    for name in
        ["--upload-pack=touch${IFS}canary", "a;touch${IFS}canary", "$(touch canary)", "`id`", "é'\"&|<>!#%"]
    {
        let name = format!("refs/heads/{}", name.replace(' ', "${IFS}"));
        source.git(["update-ref", &name, &id]);
        let head = world.git.head(&source.url(), &branch(&name)).await.unwrap();
        world.git.fetch(&world.job(), &head).await.unwrap();
        std::fs::remove_dir_all(world.mirror()).unwrap();
    }
    for folder in [world.path("state/git"), source.path.clone(), source.path.join(".git"), ".".into()] {
        assert!(!folder.join("canary").exists(), "{}", folder.display());
    }
}

#[tokio::test]
async fn and_people_are_told_what_it_is() {
    let world = World::new().await;
    let source = world.source("demo");
    git_in(&world.path(""), ["clone", "--quiet", "--bare", "demo", "bare.git"]);
    let server = GitServer::serving(&world.path(""));
    let local = world.head(&source).await;
    let info = world.git.describe(&local).await.unwrap();
    assert_eq!((info.subject.as_str(), info.author.as_str()), ("Write README", "Änne"));
    assert_eq!(info.at_ms, 1_700_000_060_000);

    let remote = world.git.head(&on(&server, "bare.git"), &branch("live")).await.unwrap();
    let error = world.git.describe(&remote).await.unwrap_err();
    assert_eq!(error.to_string(), format!("bare@{} is not on this machine yet", remote.id.short()));
    world.git.fetch(&world.job(), &remote).await.unwrap();
    assert_eq!(world.git.describe(&remote).await.unwrap(), info);

    let long = format!("\u{1b}[31mred\u{1b}[0m {}", "ß".repeat(100_000));
    std::fs::write(source.path.join("b"), "").unwrap();
    std::fs::write(world.path("message"), long).unwrap();
    source.git(["add", "--all"]);
    source.git(["commit", "--quiet", "--file", world.path("message").to_str().unwrap()]);
    let info = world.git.describe(&world.head(&source).await).await.unwrap();
    assert!(info.subject.starts_with("[31mred[0m ßß") && info.subject.ends_with("ß…"), "{}", info.subject);
    assert_eq!(info.subject.chars().count(), 200);
}
