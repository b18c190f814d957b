//! A registry in a process of its own, which can be killed: this very test, told to serve.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use ci_registry::Registry;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Tells a test that it is the process that serves this directory.
pub(crate) const SERVED_DIR: &str = "CI_REGISTRY_TEST_SERVED_DIR";

const READY: &str = "serving at ";

/// Serves until the process that started this one closes its standard input, or is gone itself.
pub(crate) async fn serve_until_told(dir: &str) {
    let server = Registry::open(dir).unwrap().bind().await.unwrap();
    println!("\n{READY}{}", server.address());
    let told = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    server.run(async move { assert!(told.await.unwrap().is_ok()) }).await;
}

/// Starts the test of this name as the process that serves `dir`, by way of `wrapper` if it is not empty. The
/// process and its address.
pub(crate) async fn spawn_this_test(test: &str, dir: &Path, wrapper: &[&str]) -> (Child, String) {
    let this = std::env::current_exe().unwrap();
    let mut words: Vec<_> = wrapper.iter().map(std::ffi::OsString::from).collect();
    words.push(this.into());
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .args([test, "--exact", "--nocapture"])
        .env(SERVED_DIR, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = loop {
        let line = lines.next_line().await.unwrap().expect("it should say where it serves before it ends");
        if let Some(address) = line.strip_prefix(READY) {
            break address.to_owned();
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address)
}
