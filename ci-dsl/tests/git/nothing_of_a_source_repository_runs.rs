//! A repository's hooks, configuration, attributes and submodules run nothing here.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ci_core::FailureKind;
use futures::TryStreamExt as _;

use crate::fixture::{Source, World, lose};

/// A program that leaves a mark.
fn trap(world: &World) -> (PathBuf, PathBuf) {
    let (program, mark) = (world.path("trap"), world.path("mark"));
    std::fs::write(&program, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", mark.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (program, mark)
}

fn booby_trapped(world: &World, program: &Path) -> Source {
    let source = world.source("demo");
    let program = program.to_str().unwrap();
    source.commit(".gitattributes", "* filter=x diff=x merge=x\n");
    source.commit(
        ".gitmodules",
        &format!("[submodule \"x\"]\n\tpath = x\n\turl = ext::{program}\n\tupdate = none\n"),
    );
    source.commit(".lfsconfig", &format!("[lfs]\n\turl = file://{program}\n"));
    // A commit with a signature: `git log` would have it checked.
    let tree = source.git(["rev-parse", "HEAD^{tree}"]);
    let parent = source.git(["rev-parse", "HEAD"]);
    let person = "A <a@example.org> 1700000060 +0000";
    let commit = format!(
        "tree {tree}\nparent {parent}\nauthor {person}\ncommitter {person}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n \
         x\n -----END PGP SIGNATURE-----\n\nsigned\n"
    );
    std::fs::write(world.path("commit"), commit).unwrap();
    let id = source.git(["hash-object", "-t", "commit", "-w", world.path("commit").to_str().unwrap()]);
    source.git(["update-ref", "refs/heads/live", &id]);
    for name in [
        "post-checkout",
        "pre-push",
        "reference-transaction",
        "post-index-change",
        "proc-receive",
        "pre-auto-gc",
    ] {
        let hook = source.path.join(".git/hooks").join(name);
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::copy(program, hook).unwrap();
    }
    for (name, value) in [
        ("core.fsmonitor", program),
        ("core.sshCommand", program),
        ("core.pager", program),
        ("core.editor", program),
        ("core.askPass", program),
        ("core.gitProxy", program),
        ("core.alternateRefsCommand", program),
        ("credential.helper", program),
        ("diff.external", program),
        ("diff.x.textconv", program),
        ("diff.x.command", program),
        ("filter.x.smudge", program),
        ("filter.x.clean", program),
        ("filter.x.process", program),
        ("gpg.program", program),
        ("log.showSignature", "true"),
        ("uploadpack.packObjectsHook", program),
        ("uploadpack.allowFilter", "true"),
        ("remote.origin.url", &format!("ext::{program}")),
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialclonefilter", "blob:none"),
        ("protocol.ext.allow", "always"),
        ("extensions.partialClone", "origin"),
        ("alias.ls-remote", &format!("!{program}")),
    ] {
        source.git(["config", name, value]);
    }
    source
}

#[tokio::test]
async fn whatever_is_asked_of_it() {
    let world = World::new().await;
    let (program, mark) = trap(&world);
    let source = booby_trapped(&world, &program);
    // The traps work: one who is not careful steps into them.
    for careless in [["log", "-1"], ["status", "--short"]] {
        let _ = Command::new("git").args(careless).current_dir(&source.path).output().unwrap();
        assert!(mark.exists(), "git {careless:?}");
        std::fs::remove_file(&mark).unwrap();
    }

    let mut watch = world.git.watch(&source.url()).await.unwrap().unwrap();
    let head = world.head(&source).await;
    assert_eq!(world.git.describe(&head).await.unwrap().subject, "signed");
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert_eq!(world.git.describe(&head).await.unwrap().subject, "signed");
    let chunks: Vec<_> = world.git.archive(&head, None).await.unwrap().try_collect().await.unwrap();
    assert!(!chunks.is_empty());
    let path = "README".parse().unwrap();
    assert!(world.git.read_file(&head, &path, 100).await.unwrap().is_some());
    std::fs::write(source.path.join(".git/refs/heads/new"), format!("{}\n", head.id)).unwrap();
    watch.changed().await.unwrap();
    assert!(!mark.exists());
}

#[tokio::test]
async fn even_if_objects_are_missing_that_it_says_to_get_by_a_program() {
    let world = World::new().await;
    let (program, mark) = trap(&world);
    let source = booby_trapped(&world, &program);
    let head = world.head(&source).await;
    let blob = source.git(["rev-parse", "HEAD:README"]);
    lose(&source.path.join(".git"), &blob);
    let _ = Command::new("git").args(["cat-file", "-p", &blob]).current_dir(&source.path).output().unwrap();
    assert!(mark.exists(), "the trap works");
    std::fs::remove_file(&mark).unwrap();

    assert!(world.git.fetch(&world.job(), &head).await.is_err());
    assert!(world.git.describe(&head).await.is_ok());
    assert!(!mark.exists());
}

#[tokio::test]
async fn and_a_submodule_that_names_a_program_for_its_update_is_refused() {
    let world = World::new().await;
    let source = world.source("demo");
    source.commit(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ../x\n\tupdate = !touch mark\n");
    let error = world.git.fetch(&world.job(), &world.head(&source).await).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.hint(), Some("the repository holds malformed objects; it must be repaired"));
}
