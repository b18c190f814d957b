use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Endpoint, Image, SERVED_DIR, serve_until_told, spawn_this_test};

const THIS: &str = "ours::what_is_answered_with_created_is_synced::what_is_answered_with_created_is_synced";

/// As the system was asked: every file before it got its name, and every directory that changed before the answer.
#[tokio::test]
async fn what_is_answered_with_created_is_synced() {
    if let Ok(dir) = std::env::var(SERVED_DIR) {
        return serve_until_told(&dir).await;
    }
    let strace = Path::new("/usr/bin/strace");
    assert!(strace.exists(), "strace is needed: apt-get install strace");
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let served = dir.path().join("served");
    let calls = "trace=fsync,rename,renameat,renameat2,mkdir,mkdirat,write,writev,sendto,sendmsg";
    let wrapper = [
        "strace",
        "--follow-forks",
        "--decode-fds=path",
        "-s",
        "200",
        "-e",
        calls,
        "-o",
        trace.to_str().unwrap(),
    ];
    let (mut child, address) = spawn_this_test(THIS, &served, &wrapper).await;
    let registry = Endpoint::at(&address);
    Image::oci("traced").push(&registry, "a/b", "v1").await;
    let port = address.split_once(':').unwrap().1.to_owned();
    // Its child ends, and strace with it, having written everything.
    drop(registry);
    drop(child.stdin.take());
    child.wait().await.unwrap();

    let calls = std::fs::read_to_string(&trace).unwrap();
    let mut synced = BTreeSet::new();
    let mut changed: BTreeSet<PathBuf> = BTreeSet::new();
    let mut renamed = Vec::new();
    let mut answers = 0;
    for line in calls.lines() {
        let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
        let quoted: Vec<&str> = call.split('"').skip(1).step_by(2).collect();
        let parent = |path: &str| Path::new(path).parent().unwrap().to_owned();
        if call.starts_with("fsync(") {
            let path = call.split(['<', '>']).nth(1).unwrap();
            synced.insert(path.to_owned());
            changed.remove(Path::new(path));
        } else if call.starts_with("rename") {
            assert!(synced.contains(quoted[0]), "renamed before it was synced: {call}");
            renamed.push(quoted[1].to_owned());
            changed.insert(parent(quoted[1]));
        } else if call.starts_with("mkdir") && !call.contains("EEXIST") && !call.contains("ENOENT") {
            changed.insert(parent(quoted[0]));
        } else if call.contains("HTTP/1.1 201") {
            answers += 1;
            assert_eq!(changed, BTreeSet::new(), "changed and not synced before {call}");
        } else if call.contains(&format!("serving at 127.0.0.1:{port}")) {
            assert!(
                renamed.iter().any(|path| path.ends_with("/port")),
                "the port should be kept before it is told"
            );
        }
    }
    // Two blobs and a manifest: bytes and a link each, and a tag; and the port.
    assert_eq!((answers, renamed.len()), (3, 8), "{renamed:#?}");
}
