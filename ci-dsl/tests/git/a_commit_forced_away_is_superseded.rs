//! A commit that its branch has left is nobody's any more; that is not an error to be retried.

use ci_core::FailureKind;
use ci_dsl::git::Commit;

use crate::fixture::{World, log_of};

#[tokio::test]
async fn after_a_force_push_and_after_the_branch_is_deleted() {
    let world = World::new().await;
    let source = world.source("demo");
    let first = world.head(&source).await;
    source.commit("b", "2");
    let lost = world.head(&source).await;
    source.git(["reset", "--quiet", "--hard", "HEAD~1"]);
    source.commit("b", "3");

    let job = world.job();
    let error = world.git.fetch(&job, &lost).await.unwrap_err();
    assert!(!log_of(&job).contains("damaged"), "the mirror is not to blame: {}", log_of(&job));
    assert_eq!(error.kind(), FailureKind::Superseded);
    assert_eq!(error.message(), format!("commit {} is no longer in live of demo", lost.id.short()));

    // What is still in the branch is found.
    world.git.fetch(&world.job(), &first).await.unwrap();

    source.git(["checkout", "--quiet", "-b", "other"]);
    source.git(["branch", "-D", "live"]);
    let error = world.git.fetch(&world.job(), &lost).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Superseded);
}

#[tokio::test]
async fn but_not_when_it_was_fetched_before() {
    let world = World::new().await;
    let source = world.source("demo");
    source.commit("b", "2");
    let lost = world.head(&source).await;
    world.git.fetch(&world.job(), &lost).await.unwrap();
    source.git(["reset", "--quiet", "--hard", "HEAD~1"]);
    world.git.fetch(&world.job(), &lost).await.unwrap();
}

#[tokio::test]
async fn and_an_object_that_is_no_commit_is_none_either() {
    let world = World::new().await;
    let source = world.source("demo");
    let head = world.head(&source).await;
    let tree = source.git(["rev-parse", "HEAD^{tree}"]);
    let not_a_commit = Commit { id: tree.parse().unwrap(), ..head };
    let error = world.git.fetch(&world.job(), &not_a_commit).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Superseded);
}
