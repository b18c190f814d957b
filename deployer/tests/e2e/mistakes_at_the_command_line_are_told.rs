//! What can't be done is refused in a line on standard error, with exit code 1; what can't be understood, with 2.

use crate::support::{Bed, Site};

#[test]
fn mistakes_at_the_command_line_are_told() {
    let bed = Bed::swarm();
    let refused = |args: &[&str], code: i32, texts: &[&str]| {
        let mut command = bed.deployer([]);
        let output = command.args(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
        assert_eq!(out, "", "{args:?}");
        for text in texts {
            assert!(err.contains(text), "{args:?}: {err}");
        }
        assert!(code == 2 || err.lines().count() == 1, "{args:?}: {err}");
    };
    let state = bed.state();
    let state = state.to_str().unwrap();

    for args in [
        &["jobs"][..],
        &["log", "x"],
        &["logs", "search", "x"],
        &["housekeeping"],
        &["housekeeping", "--dry-run"],
        &["approve", "x"],
        &["cancel", "x"],
        &["rebuild", "x"],
        &["discard", "x"],
        &["confirm", "none"],
    ] {
        refused(args, 1, &["no deployer runs with the state directory", state]);
    }
    refused(&["plan", "nonsense"], 1, &["the table has no repository \"nonsense\"; it has demo/site"]);
    refused(&["plan", "--config", "nowhere.toml"], 1, &["can't read nowhere.toml"]);
    for command in ["run", "local"] {
        refused(&[command, "--confirm", "nonsense"], 2, &["no such level"]);
        refused(&[command, "--confirm-auto-release", "soon"], 2, &["no time", "15m"]);
        let nothing = &[command, "--confirm=none", "--confirm-auto-release=5"];
        refused(nothing, 1, &["has nothing to release"]);
    }
    refused(&["local", "nonsense"], 1, &["has no repository \"nonsense\"; it has demo/site"]);
    refused(&["local", "--config", "nowhere.toml"], 1, &["can't read nowhere.toml"]);
    assert!(!bed.state().exists(), "asking makes nothing");

    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let build = bed.job("docker-build", "ok").id;
    for verb in ["log", "approve", "cancel", "rebuild", "discard"] {
        refused(&[verb, "nonsense"], 1, &["no job is called \"nonsense\": `deployer jobs` lists them"]);
        refused(&[verb, "docker"], 1, &["\"docker\" could be any of 3 jobs: ", &build]);
        refused(&[verb, ""], 1, &["name a job"]);
    }
    refused(&["approve", &build], 1, &["is over"]);
    refused(&["cancel", &build], 1, &["is over"]);
    refused(&["confirm", "nonsense"], 1, &["no such level: \"nonsense\"", "above-average"]);
    refused(&["jobs", "--limit", "many"], 2, &["--limit"]);
    refused(&["logs", "search", "x", "--limit", "0"], 2, &["--limit"]);
    refused(&["logs", "search", ""], 1, &["say what to look for"]);
    // A second one on the same state directory.
    refused(&["run"], 1, &["is in use", state]);
    refused(&["local"], 1, &[state, "perhaps the state of `deployer run`", "--state"]);
    // The first one has noticed nothing.
    assert_eq!(bed.job("docker-build", "ok").id, build);
    deployer.stops();
}
