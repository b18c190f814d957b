//! One file of a commit: there, not there, or not here.

use ci_core::FailureKind;
use ci_dsl::git::RepoPath;

use crate::fixture::World;

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

#[tokio::test]
async fn as_it_is_in_the_commit() {
    let world = World::new().await;
    let source = world.source("demo");
    let odd = "docker/a b:ü'$(x)/Dockerfile";
    source.commit(odd, "FROM scratch\r\n");
    std::os::unix::fs::symlink(odd, source.path.join("inside")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", source.path.join("outside")).unwrap();
    std::os::unix::fs::symlink("../../x", source.path.join("above")).unwrap();
    std::os::unix::fs::symlink("nothing", source.path.join("dangling")).unwrap();
    std::os::unix::fs::symlink("loop", source.path.join("loop")).unwrap();
    source.commit_all("links");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    let read = async |name: &str| world.git.read_file(&head, &path(name), 14).await;

    assert_eq!(read(odd).await.unwrap().unwrap(), b"FROM scratch\r\n");
    assert_eq!(read("inside").await.unwrap().unwrap(), b"FROM scratch\r\n");
    for missing in ["nope", "docker/nope", "README/x", "dangling", "docker/a b"] {
        assert_eq!(read(missing).await.unwrap(), None, "{missing}");
    }
    for no_file in ["docker", "outside", "above", "loop"] {
        let error = read(no_file).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{no_file}");
        assert!(error.message().ends_with("is not a file"), "{error}");
    }
    let error = world.git.read_file(&head, &path("./inside"), 13).await.unwrap_err();
    assert!(error.message().ends_with("is too large: 14 bytes, where 13 are allowed"), "{error}");
}

#[tokio::test]
async fn and_a_commit_that_is_not_in_the_mirror_is_not_a_missing_file() {
    let world = World::new().await;
    let source = world.source("demo");
    let old = world.head(&source).await;
    let read = async |commit| world.git.read_file(commit, &path("README"), 100).await;
    assert_eq!(read(&old).await.unwrap_err().kind(), FailureKind::Transient);
    world.git.fetch(&world.job(), &old).await.unwrap();
    source.commit("b", "2");
    let new = world.head(&source).await;
    let error = read(&new).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert_eq!(error.message(), format!("demo@{} is not in the mirror of its repository", new.id.short()));
    assert_eq!(world.git.archive(&new, None).await.err().unwrap().kind(), FailureKind::Transient);
}

#[test]
fn paths_stay_inside() {
    for (text, parsed) in [("a", "a"), ("./a//b/", "a/b"), ("...", "..."), ("-x", "-x"), ("a:b", "a:b")] {
        assert_eq!(path(text).as_str(), parsed);
    }
    for bad in ["", ".", "/", "/a", "..", "a/../b", "a\nb", "a\0b", &"a".repeat(5000)] {
        assert!(RepoPath::parse(bad).is_err(), "{bad:?}");
    }
}
