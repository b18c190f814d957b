//! What can't be read is told with its entry, with what to do about it, and the other entries are planned all the same.

use std::process::Stdio;

use ci_core::secret::Source;
use deployer::SecretSetting;
use deployer::prelude::*;

use crate::support::{Bed, Planner, Site, settings};

#[test]
fn each_entry_is_planned_whatever_the_others_need() {
    let bed = Bed::swarm();
    let mut planner = Planner::of(&bed);
    for name in ["good", "bare"] {
        Site::at(&bed.home().join(name)).publish("one");
    }
    Site::at(&bed.home().join("empty"));
    let mut settings = settings(&bed);
    settings.contexts.insert("far".to_owned(), "unix:///nowhere/docker.sock".to_owned());
    let entry = |name: &str, branch: &str, services: Vec<deployer::table::Service>| {
        let path = bed.home().join(name).to_string_lossy().into_owned();
        repo(path).docker(dockerfile("Dockerfile").deploy(branch, format!("{name}:{branch}"), services))
    };
    let web = |name: &str| service(name).create_on("bridge");
    let far = context("far").service("web");
    let table = [
        entry("missing", "live", vec![web("missing")]),
        entry("empty", "live", vec![web("empty")]),
        entry("bare", "live", vec![service("bare"), far, context("nobody").service("web"), web("other")]),
        entry("good", "live", vec![web("good")]),
    ];

    let (plan, text) = planner.asks_for(&settings, &table);

    assert!(plan.has_errors() && plan.has_changes());
    let entries: Vec<&str> = text.split("\n\n").collect();
    let [missing, empty, bare, good, sum] = entries[..] else { panic!("{text}") };
    let has =
        |entry: &str, texts: &[&str]| texts.iter().for_each(|text| assert!(entry.contains(text), "{entry}"));
    has(missing, &["there is no Git repository at ", "hint: check the path"]);
    has(empty, &["empty has no branch live", "hint: it has no branch yet: push one"]);
    assert_eq!((missing.lines().count(), empty.lines().count()), (3, 3), "{text}");
    has(bare, &["+ docker-push 127.0.0.1:PORT/bare:live", "! docker-service bare\n"]);
    has(
        bare,
        &[
            "there is no service bare\n",
            "hint: create it: docker service create --name bare 127.0.0.1:PORT/bare:live",
        ],
    );
    has(bare, &["! docker-service web\n", "unix:///nowhere/docker.sock", "hint: start it"]);
    has(bare, &["no Docker named \"nobody\"", "+ docker-service other on local"]);
    has(good, &["+ docker-service good on local", "+ Name: good"]);
    assert_eq!(sum, "8 steps to do, 3 entries with an error.");
    assert!(!bed.state().exists());
}

#[test]
fn a_secret_that_is_not_here_is_told_and_hides_no_step() {
    let bed = Bed::swarm();
    let mut planner = Planner::of(&bed);
    Site::at(&bed.site()).publish("one");
    let mut settings = settings(&bed);
    let source = Source::File(bed.home().join("no-such-token"));
    settings.secrets.insert("hub-token".to_owned(), SecretSetting { source, only: Vec::new() });
    let how = dockerfile("Dockerfile").secret("hub", "hub-token").deploy("live", "site:live", []);
    let (plan, text) = planner.asks_for(&settings, &[repo(bed.site().to_string_lossy()).docker(how)]);
    assert!(plan.has_changes() && !plan.has_errors(), "{text}");
    for told in [
        "the secret hub-token can't be read from ",
        "hint: write it to ",
        "+ docker-build ",
        "+ docker-push ",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(plan.json().unwrap().contains("\"missing_secrets\""));
}

#[test]
fn an_engine_that_is_down_or_no_swarm_is_told() {
    let bed = Bed::plain();
    let mut planner = Planner::of(&bed);
    Site::at(&bed.site()).publish("one");
    let plan = planner.asks(["--detailed-exitcode"], 1);
    let told = [
        "+ docker-push",
        "! docker-service demo-site\n",
        "is not a Swarm manager",
        "hint: run `docker swarm init`",
    ];
    told.iter().for_each(|text| assert!(plan.contains(text), "{plan}"));

    let config = bed.home().join("deployer.toml");
    std::fs::write(&config, "docker = 'unix:///nowhere/docker.sock'\n").unwrap();
    let plan = planner.asks(["--config", "deployer.toml"], 1);
    let told = [
        "+ git-fetch",
        "! docker-build",
        "can't reach the Docker engine at unix:///nowhere/docker.sock",
        "hint: start it",
    ];
    told.iter().for_each(|text| assert!(plan.contains(text), "{plan}"));
    assert!(!plan.contains("docker-push"), "what follows is not known: {plan}");
    assert!(plan.ends_with("1 step to do, 1 entry with an error.\n"), "{plan}");
    assert!(!bed.state().exists());
}

#[test]
fn strangers_can_not_steer_the_terminal_by_a_plan() {
    let bed = Bed::swarm();
    let mut planner = Planner::of(&bed);
    let site = Site::at(&bed.site());
    // What Git calls a subject comes without control characters; a branch's name may hold one of those beyond ASCII.
    site.work.git(["commit", "-q", "--allow-empty", "-m", "x\u{1b}[2Jevil\u{9b}2J"]);
    site.work.git(["push", "-q", &bed.site().to_string_lossy(), "HEAD:refs/heads/e\u{9b}2J"]);
    let steers = |said: &str| said.chars().any(|c| c.is_control() && c != '\n');
    for (args, shown) in [(&["--json"][..], "e\\u009b2J"), (&[], "e\\u{9b}2J")] {
        let plan = match args {
            [json] => planner.asks([json], 1),
            _ => planner.asks([], 1),
        };
        assert!(!steers(&plan) && plan.contains(shown), "{plan}");
    }
    site.push("HEAD");
    for plan in [planner.asks([], 0), planner.asks(["--json"], 0)] {
        assert!(!steers(&plan) && plan.contains("evil2J"), "{plan}");
    }
    // On a terminal there are colours, and no other codes, unless somebody does not want them.
    let on_a_terminal = |no_color: &str| {
        let line = format!("{} plan", env!("CARGO_BIN_EXE_deployer"));
        let mut script = bed.program("script", ["-qec", &line, "/dev/null"]);
        let output = script.env("NO_COLOR", no_color).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().replace('\r', "")
    };
    let coloured = on_a_terminal("");
    assert!(coloured.contains("\u{1b}[32m+ git-fetch"), "{coloured}");
    let bare = ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"];
    let bare = bare.iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!((bare, steers(&on_a_terminal("1"))), (planner.asks([], 0), false));
}
