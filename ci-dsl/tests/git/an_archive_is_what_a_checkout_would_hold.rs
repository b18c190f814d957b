//! The tar of a commit holds its files as a checkout would, always the same, and nothing else.

use std::process::Command;

use ci_core::FailureKind;
use ci_dsl::git::{Commit, RepoPath};
use futures::TryStreamExt as _;

use crate::fixture::{World, lose};

async fn tar(world: &World, commit: &Commit, folder: Option<&RepoPath>) -> Vec<u8> {
    let chunks: Vec<_> = world.git.archive(commit, folder).await.unwrap().try_collect().await.unwrap();
    chunks.concat()
}

/// `mode owner time name [-> target]` of every entry, with 1700000060 as `T`.
fn listed(world: &World, tar: &[u8]) -> Vec<String> {
    let file = world.path("list.tar");
    std::fs::write(&file, tar).unwrap();
    let out = Command::new("tar")
        .args(["--utc", "--full-time", "--numeric-owner", "--quoting-style=literal", "-tvf"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap().replace("2023-11-14 22:14:20", "T");
    text.lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            format!("{} {} {} {}", words[0], words[1], words[3], words[4..].join(" "))
        })
        .collect()
}

fn content(world: &World, tar: &[u8], name: &str) -> String {
    let file = world.path("content.tar");
    std::fs::write(&file, tar).unwrap();
    let out = Command::new("tar").arg("-xOf").arg(&file).arg(name).output().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

#[tokio::test]
async fn with_modes_links_and_attributes() {
    let world = World::new().await;
    let sub = world.source("sub");
    let source = world.source("demo");
    let attributes = "secret export-ignore\nsubst export-subst\n*.bat text eol=crlf\n*.lfs filter=lfs\n";
    source.commit(".gitattributes", attributes);
    source.commit("secret", "kept\n");
    source.commit("subst", "$Format:%H$\n");
    source.commit("x.bat", "echo\n");
    source.commit("x.lfs", "pointer\n");
    source.commit("ünï/a b", "1");
    source.commit("run", "#!/bin/sh\n");
    std::os::unix::fs::symlink("/etc/passwd", source.path.join("link")).unwrap();
    source.git(["add", "--all"]);
    source.git(["update-index", "--chmod=+x", "run"]);
    source.git(["submodule", "--quiet", "add", sub.path.to_str().unwrap(), "sub"]);
    source.git(["commit", "--quiet", "--message", "all"]);
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();

    let first = tar(&world, &head, None).await;
    assert_eq!(
        listed(&world, &first),
        [
            "-rw-r--r-- 0/0 T .gitattributes",
            "-rw-r--r-- 0/0 T .gitmodules",
            "-rw-r--r-- 0/0 T README",
            "lrwxrwxrwx 0/0 T link -> /etc/passwd",
            "-rwxr-xr-x 0/0 T run",
            "-rw-r--r-- 0/0 T secret",
            "drwxr-xr-x 0/0 T sub/",
            "-rw-r--r-- 0/0 T subst",
            "-rw-r--r-- 0/0 T x.bat",
            "-rw-r--r-- 0/0 T x.lfs",
            "drwxr-xr-x 0/0 T ünï/",
            "-rw-r--r-- 0/0 T ünï/a b",
        ]
    );
    assert_eq!(content(&world, &first, "subst"), "$Format:%H$\n");
    assert_eq!(content(&world, &first, "x.bat"), "echo\r\n");
    assert_eq!(content(&world, &first, "x.lfs"), "pointer\n");

    // Made from another mirror it is the same, byte by byte.
    std::fs::remove_dir_all(world.mirror()).unwrap();
    source.commit("later", "");
    world.git.fetch(&world.job(), &world.head(&source).await).await.unwrap();
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert!(first == tar(&world, &head, None).await);
}

#[tokio::test]
async fn of_one_folder_and_at_the_commits_time() {
    let world = World::new().await;
    let source = world.source("demo");
    source.commit("docker/web ü/Dockerfile", "FROM scratch\n");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    let folder = "docker/web ü/".parse().unwrap();
    let entries = listed(&world, &tar(&world, &head, Some(&folder)).await);
    assert_eq!(entries, ["-rw-r--r-- 0/0 T Dockerfile"]);

    for (name, said) in [("nope", "has no folder nope"), ("README", "is not a folder")] {
        let error = world.git.archive(&head, Some(&name.parse().unwrap())).await.err().unwrap();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.message().ends_with(said), "{error}");
    }
}

#[tokio::test]
async fn and_one_that_can_not_be_finished_ends_with_an_error() {
    let world = World::new().await;
    let source = world.source("demo");
    let head = world.head(&source).await;
    world.git.fetch(&world.job(), &head).await.unwrap();
    let blob = source.git(["rev-parse", "HEAD:README"]);
    lose(&world.mirror(), &blob);
    let chunks: Result<Vec<_>, _> = world.git.archive(&head, None).await.unwrap().try_collect().await;
    let error = chunks.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("git archive {head} failed (exit status: ")) && error.contains(&blob),
        "{error}"
    );
}
