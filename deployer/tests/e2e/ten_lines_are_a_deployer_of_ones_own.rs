//! A crate outside this workspace, with a table and one line of `main`, is a whole deployer.

use std::fs;
use std::path::Path;
use std::process::Command;

const PIPELINE: &str = r#"use deployer::prelude::*;

pub fn pipeline() -> Vec<Repo> {
    let web = context("toxis").service("web_site").probe_http(8080, "/");
    let mirror = service("mirror_site");
    vec![
        repo("https://example.org/site.git")
            .docker(dockerfile("Dockerfile").deploy("live", "team/site:live", [web, mirror])),
    ]
}
"#;

const MAIN: &str = "mod pipeline;

fn main() -> std::process::ExitCode {
    deployer::main(pipeline::pipeline)
}
";

#[test]
fn ten_lines_are_a_deployer_of_ones_own() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"own\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies]\ndeployer = {{ path = {here:?} }}\n\n\
         [profile.dev]\ndebug = false\n"
    );
    fs::create_dir(own.path().join("src")).unwrap();
    for (file, text) in [("Cargo.toml", &*manifest), ("src/pipeline.rs", PIPELINE), ("src/main.rs", MAIN)] {
        fs::write(own.path().join(file), text).unwrap();
    }
    // The versions that are here already: nothing is downloaded.
    fs::copy(here.join("../Cargo.lock"), own.path().join("Cargo.lock")).unwrap();
    // Kept for the next run: only what differs is compiled again.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-deployer");

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--quiet"]).current_dir(own.path()).env("CARGO_TARGET_DIR", &target);
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let run = |args: &[&str]| {
        let mut program = Command::new(target.join("debug/own"));
        program.env("HOME", own.path()).env_remove("DEPLOYER_STATE").env_remove("STATE_DIRECTORY");
        // Somebody's deployer may run on this machine.
        program.env("DEPLOYER_LISTEN", "none");
        let ended = program.env_remove("XDG_STATE_HOME").args(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
    };
    let (code, help, _) = run(&["--help"]);
    assert!(code == Some(0) && help.contains("Deploy what the table says"), "{help}");
    let (code, _, said) = run(&["jobs"]);
    let state = own.path().join(".local/state/deployer");
    assert!(code == Some(1) && said.contains("no deployer runs"), "{said}");
    assert!(said.contains(state.to_str().unwrap()), "{said}");
    // Its own table is the one that is read.
    let (code, _, said) = run(&["run"]);
    assert!(code == Some(1) && said.contains("toxis"), "{said}");
}
