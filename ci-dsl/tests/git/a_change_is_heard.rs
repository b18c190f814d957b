//! A watch on a local repository: no change of a reference is missed.

use ci_dsl::git::{RepoUrl, Watch, WatchLost};

use crate::fixture::{Source, World, branch, git_in};

async fn watched(world: &World, url: &RepoUrl) -> Watch {
    world.git.watch(url).await.unwrap().unwrap()
}

/// Reads after every wake-up, as a watcher does, until the branch is where it should be.
async fn until(world: &World, watch: &mut Watch, url: &RepoUrl, name: &str, id: Option<&str>) {
    loop {
        let head = world.git.head(url, &branch(name)).await.ok();
        if head.as_ref().map(|head| head.id.as_str()) == id {
            return;
        }
        watch.changed().await.unwrap();
    }
}

async fn all_changes_are_heard(world: &World, source: &Source, url: &RepoUrl) {
    let mut watch = watched(world, url).await;
    let first = source.git(["rev-parse", "HEAD"]);
    let second = source.commit("b", "2");
    until(world, &mut watch, url, "live", Some(&second)).await;
    source.git(["branch", "new/branch/in/folders"]);
    until(world, &mut watch, url, "new/branch/in/folders", Some(&second)).await;
    source.git(["update-ref", "refs/heads/new/branch/in/folders", &first]);
    until(world, &mut watch, url, "new/branch/in/folders", Some(&first)).await;
    source.git(["pack-refs", "--all"]);
    source.git(["branch", "-D", "new/branch/in/folders"]);
    until(world, &mut watch, url, "new/branch/in/folders", None).await;
    source.git(["reset", "--quiet", "--hard", &first]);
    until(world, &mut watch, url, "live", Some(&first)).await;
    source.git(["branch", "new/branch/in/folders"]);
    until(world, &mut watch, url, "new/branch/in/folders", Some(&first)).await;
}

#[tokio::test]
async fn in_a_work_tree() {
    let world = World::new().await;
    let source = world.source("a demo, ünï");
    all_changes_are_heard(&world, &source, &source.url()).await;
}

#[tokio::test]
async fn with_references_in_tables() {
    let world = World::new().await;
    let source = world.source_with("demo", &["--ref-format=reftable"]);
    all_changes_are_heard(&world, &source, &source.url()).await;
}

#[tokio::test]
async fn from_a_linked_work_tree() {
    let world = World::new().await;
    let source = world.source("demo");
    source.git(["worktree", "add", "--quiet", "../linked", "-b", "other"]);
    let url = RepoUrl::parse(world.path("linked").to_str().unwrap()).unwrap();
    all_changes_are_heard(&world, &source, &url).await;
}

#[tokio::test]
async fn when_it_is_pushed() {
    let world = World::new().await;
    let source = world.source("demo");
    git_in(&world.path(""), ["clone", "--quiet", "--bare", "demo", "bare.git"]);
    let url = RepoUrl::parse(world.path("bare.git").to_str().unwrap()).unwrap();
    let mut watch = watched(&world, &url).await;
    let second = source.commit("b", "2");
    source.git(["push", "--quiet", "../bare.git", "live"]);
    until(&world, &mut watch, &url, "live", Some(&second)).await;
}

#[tokio::test]
async fn also_when_it_comes_between_reading_and_waiting() {
    let world = World::new().await;
    let source = world.source("demo");
    let mut watch = watched(&world, &source.url()).await;
    for n in 0..5 {
        source.commit("n", &n.to_string());
    }
    watch.changed().await.unwrap();
    let last = source.git(["rev-parse", "HEAD"]);
    until(&world, &mut watch, &source.url(), "live", Some(&last)).await;
    let marker = source.git(["rev-parse", "HEAD~1"]);
    source.git(["branch", "marker", &marker]);
    until(&world, &mut watch, &source.url(), "marker", Some(&marker)).await;
}

#[tokio::test]
async fn and_a_repository_that_is_moved_replaced_or_deleted_is_said_to_be_lost() {
    let world = World::new().await;
    let lost = async |url: &RepoUrl, act: &dyn Fn()| {
        let mut watch = watched(&world, url).await;
        act();
        let lost: WatchLost = loop {
            if let Err(lost) = watch.changed().await {
                break lost;
            }
        };
        assert!(lost.to_string().contains("was moved, replaced or deleted"));
        assert_eq!(watch.changed().await, Err(lost));
    };
    let source = world.source("demo");
    let dot_git = source.path.join(".git");
    lost(&source.url(), &|| {
        std::fs::rename(&dot_git, source.path.join("away")).unwrap();
        git_in(&source.path, ["init", "--quiet"]);
    })
    .await;
    lost(&source.url(), &|| std::fs::remove_dir_all(&source.path).unwrap()).await;
    let source = world.source("demo");
    // No event comes of this one.
    lost(&source.url(), &|| std::fs::rename(&source.path, world.path("moved")).unwrap()).await;
}

#[tokio::test]
async fn and_a_remote_one_is_to_be_polled() {
    let world = World::new().await;
    assert!(world.git.watch(&RepoUrl::parse("https://host/demo").unwrap()).await.unwrap().is_none());
}
