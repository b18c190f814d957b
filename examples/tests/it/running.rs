//! An example that runs, and what its engine saw of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testbed::{Engine, GitRepo, Registry};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A compiled example at work on a repository, inside the network of an engine. Dropping it ends it.
pub(crate) struct Running {
    process: Child,
    folder: TempDir,
}

impl Running {
    pub(crate) fn start(program: &str, engine: &Engine, registry: &Registry, repo: &GitRepo) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut command = engine.command(program);
        command.current_dir(folder.path()).arg(repo.path()).arg(registry.address());
        Self { process: command.spawn().expect("it was compiled for this test"), folder }
    }

    /// What its jobs have said so far.
    pub(crate) fn logs(&self) -> String {
        let files = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|f| f.path());
        let logs = files(self.folder.path().join("state/jobs")).flat_map(files);
        logs.filter_map(|log| fs::read(log).ok())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .collect()
    }

    /// Tells it to stop, as Ctrl-C does. It must end in order.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).expect("it runs");
        assert!(self.process.wait().expect("it is our child").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _over = self.process.kill();
        let _status = self.process.wait();
    }
}

pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not in {PATIENCE:?}");
        sleep(Duration::from_millis(100));
    }
}

/// Puts busybox and a script that it runs into the work tree, for an image made of nothing else.
pub(crate) fn add_program(repo: &GitRepo, name: &str, script: &str) {
    repo.write(name, script);
    let program = repo.path().join(name);
    fs::set_permissions(program, PermissionsExt::from_mode(0o755)).expect("a work tree is writable");
    fs::copy("/usr/bin/busybox", repo.path().join("busybox")).expect("busybox-static is installed");
}

/// What an engine tells about what happened on it so far, a line each.
pub(crate) fn events(engine: &Engine, filter: &str, format: &str) -> Vec<String> {
    let events = ["events", "--since", "0", "--until", "0s", "--filter", filter, "--format", format];
    engine.docker(events).lines().map(str::to_owned).collect()
}

/// How many containers ended with an exit code of 1.
pub(crate) fn failed(engine: &Engine) -> usize {
    let ends = events(engine, "type=container", "{{.Action}} {{.Actor.Attributes.exitCode}}");
    ends.iter().filter(|event| *event == "die 1").count()
}

/// What is at an address in the engine's network; nothing, if nothing answers or it is an error.
pub(crate) fn fetch(engine: &Engine, url: &str) -> String {
    let answer = engine.command("busybox").args(["wget", "-q", "-O", "-", url]).output();
    String::from_utf8_lossy(&answer.expect("busybox-static is installed").stdout).into_owned()
}
