//! A second process is refused, told which directory is in use and by whom; when the first is gone it gets in.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use ci_core::store::{OpenError, Store};

const CHILD: &str = "STORE_TEST_CHILD";

#[test]
fn a_second_process_is_refused() {
    if let Some(dir) = std::env::var_os(CHILD) {
        let _store = Store::open(dir.as_ref()).unwrap();
        println!("\nchild has it");
        std::io::stdout().flush().unwrap();
        // Until the parent lets go of the other end.
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_second_process_is_refused", "--nocapture"])
        .env(CHILD, dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "child has it"));
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == child.id()), "{error}");
    let text = error.to_string();
    assert!(text.contains(dir.path().to_str().unwrap()) && text.contains(&child.id().to_string()), "{text}");
    drop(child.stdin.take());
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
    assert_eq!(Store::open(dir.path()).unwrap().epoch(), 2);
}

#[test]
fn a_second_store_in_this_process_is_refused_until_the_first_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).unwrap();
    let clone = first.clone();
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Locked { .. })));
    drop(first);
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Locked { .. })));
    clone.close();
    assert_eq!(Store::open(dir.path()).unwrap().epoch(), 2);
}
