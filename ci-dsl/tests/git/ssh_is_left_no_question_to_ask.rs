//! What is asked of `ssh`: a stand-in in `PATH` writes it down, and does what the other host would do.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;

use ci_core::process::Process;
use ci_dsl::git::{GitOptions, RepoUrl};
use tempfile::TempDir;

use crate::fixture::{World, branch};

const STAND_IN: &str = r#"#!/bin/sh
printf '%s\n' "$@" >"$(dirname "$0")/asked"
shift $(($# - 1))
exec sh -c "$1"
"#;

async fn asked(ssh_config: Option<&str>) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("ssh"), STAND_IN).unwrap();
    std::fs::set_permissions(bin.join("ssh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = OsString::from(&bin);
    path.push(":");
    path.push(Process::PATH_DEFAULT);
    let options = GitOptions { env: vec![("PATH".into(), path)], ssh_config: ssh_config.map(Into::into) };
    let world = World::with(folder, options).await;
    let source = world.source("a demo");
    let url = RepoUrl::parse(&format!("ssh://git@host.example{}", source.path.display())).unwrap();
    let head = world.git.head(&url, &branch("live")).await.unwrap();
    world.git.fetch(&world.job(), &head).await.unwrap();
    assert_eq!(head.id, world.head(&source).await.id);
    let asked = std::fs::read_to_string(bin.join("asked")).unwrap();
    asked.lines().map(|line| line.replace(source.path.to_str().unwrap(), "PATH")).collect()
}

#[tokio::test]
async fn nothing_about_hosts_keys_or_passwords() {
    let usual = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30"];
    let git = ["-o", "SendEnv=GIT_PROTOCOL", "git@host.example", "git-upload-pack 'PATH'"];
    assert_eq!(asked(None).await, [&usual[..], &git[..]].concat());

    let config = "/tmp/a b;touch $(x)'/config";
    assert_eq!(asked(Some(config)).await, [&["-F", config][..], &usual[..], &git[..]].concat());
}
