//! A test that is killed can remove nothing: whoever starts an engine next does it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use testbed::{Engine, EngineOptions, base_image};

/// Set for the process that is to be killed.
const VICTIM: &str = "CI_TESTBED_VICTIM";

#[test]
fn a_killed_tests_engine_is_removed_by_the_next_start() {
    if std::env::var_os(VICTIM).is_some() {
        let engine = Engine::start(EngineOptions::default());
        base_image(&engine, "base");
        engine.docker(["run", "-d", "base", "sleep", "100000"]);
        println!("\nready {}", engine.dir().display());
        loop {
            std::thread::park();
        }
    }
    let this = std::env::current_exe().expect("a test has a file");
    let mut victim = Command::new(this)
        .args(["--exact", "a_killed_tests_engine_is_removed_by_the_next_start", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a test can be started");
    let mut lines = BufReader::new(victim.stdout.take().expect("its output is piped")).lines();
    let dir = lines.find_map(|line| Some(line.ok()?.strip_prefix("ready ")?.to_owned()));
    victim.kill().expect("a child can be killed");
    victim.wait().expect("a child can be waited for");
    let dir = dir.expect("the victim had an engine");
    let netns = Path::new("/run/netns").join(Path::new(&dir).file_name().expect("a folder has a name"));

    let _next = Engine::start(EngineOptions::default());

    assert!(!netns.exists(), "{netns:?} is left");
    assert!(!Path::new(&dir).exists(), "{dir} is left");
}
