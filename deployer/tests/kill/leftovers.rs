//! What must not be there when the last kill is over.

use std::fs;
use std::path::{Path, PathBuf};

use ci_core::store::Store;
use testbed::Engine;

use crate::bed::{Bed, SERVICE, eventually};

/// Looks everywhere. The deployer has been stopped.
pub(crate) fn nothing_is_left(bed: &Bed) {
    eventually("processes end", || none(processes(&bed.engine)));
    let store = Store::open(&bed.state()).expect("the store is given back");
    assert_eq!(
        store.open_intents().iter().map(|open| &open.intent.job).collect::<Vec<_>>(),
        Vec::<&_>::new()
    );
    assert!(store.damage().is_empty(), "{:?}", store.damage());
    store.close();
    // Swarm keeps a service's last containers; nobody else has any.
    let label = r#"{{.Label "com.docker.swarm.service.name"}}"#;
    let owners = bed.engine.docker(["ps", "--all", "--format", label]);
    assert!(owners.lines().all(|owner| owner == SERVICE), "containers of {owners:?}");
    assert_eq!(bed.service_containers().len(), 1);
    let dangling = bed.engine.docker(["images", "--quiet", "--filter", "dangling=true"]);
    assert_eq!(dangling, "", "images of builds that were cut");
    let state = bed.state();
    let folders = [
        bed.temporary(),
        state.join("registry/tmp"),
        state.join("quarantine"),
        bed.engine.dir().join("data/tmp"),
        bed.engine.dir().join("data/buildkit/content/ingest"),
    ];
    let files = folders.iter().flat_map(|folder| entries(folder));
    let unfinished = entries(&state.join("git")).into_iter().filter(|path| is_unfinished(path));
    let steps =
        entries(&bed.engine.dir().join("data/buildkit/executor")).into_iter().filter(|path| path.is_dir());
    // What an engine that lost its power leaves of its own steps is its own affair.
    let lives = bed.engine.log().matches("Starting up").count();
    assert!(lives > 0, "the engine's log tells each of its starts");
    let left: Vec<_> = files.chain(unfinished).chain(steps.filter(|_| lives == 1)).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    assert!(!state.join("control.sock").exists(), "the socket is left");
}

/// No job is under way or was left cut, and none has failed but for what it may have failed.
pub(crate) fn jobs_are_over(bed: &Bed) -> Result<(), String> {
    let listed = bed.ask(&["jobs", "--limit", "10000"])?;
    let excused = |line: &str| bed.excused.iter().any(|kind| line.contains(&format!("  failed ({kind})")));
    let is_over = |line: &&str| line.ends_with("  ok") || excused(line);
    none(listed.lines().filter(|line| !is_over(line)).map(str::to_owned).collect())
}

/// No deployer has told an error. That something was superseded is none.
pub(crate) fn no_error_was_told(bed: &Bed) {
    let errors = bed.transcript.lines().into_iter().filter(|line| line.contains(" ERROR "));
    assert_eq!(errors.filter(|line| !line.contains("superseded")).collect::<Vec<_>>(), Vec::<String>::new());
}

fn none(left: Vec<String>) -> Result<(), String> {
    if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
}

/// Deployers, and what they started, in the engine's network.
fn processes(engine: &Engine) -> Vec<String> {
    let dir = engine.dir();
    let name = dir.file_name().expect("a folder has a name").to_string_lossy();
    let listed =
        std::process::Command::new("ip").args(["netns", "pids", &name]).output().expect("ip is there");
    let pids = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = pids.lines().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    let theirs = |name: &String| name.starts_with("git") || name.starts_with("deployer");
    names.map(|name| name.trim().to_owned()).filter(theirs).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// By its name: what is being made, and what keeps others out meanwhile.
fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".unfinished"))
}
