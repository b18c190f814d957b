//! A secret of the settings that a build prints, as it is and encoded, is in no log, no error, nothing that is told, and no
//! file of the state directory: whether the build was given it or had it from elsewhere.

use std::path::Path;

use ci_core::secret::{Scope, Source};
use deployer::SecretSetting;
use deployer::prelude::*;
use testbed::base_image;

use crate::support::{Bed, Library, Site, settings};

const SECRET: &str = "hunter2-of-the-hub";
const BASE64: &str = "aHVudGVyMi1vZi10aGUtaHVi";

#[test]
fn a_secret_that_a_build_prints_is_told_nowhere() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let token = bed.home().join("hub-token");
    std::fs::write(&token, format!("{SECRET}\n")).unwrap();
    let config = bed.home().join("deployer.toml");
    std::fs::write(&config, format!("listen = 'none'\n[secrets]\nhub-token = {{ file = {token:?} }}\n"))
        .unwrap();
    let site = Site::at(&bed.site());
    // In two pieces, or the commit itself would hold it.
    let steps = "FROM base\nRUN echo as hunter2-of-\"the-hub\", aHVudGVyMi1vZi10\"aGUtaHVi\".; exit 9\n";
    site.push(&site.commit_dockerfile("bad", steps));
    let mut deployer = bed.run(["--config", config.to_str().unwrap()]);
    let told = deployer.hears(["ERROR", "docker-build"]);
    let job = bed.job("docker-build", "docker build");

    let log = bed.ask(["log", &job.id]);
    assert!(log.contains("as ******************, ************************."), "{log}");
    let status = bed.tell(["status"]);
    for text in [&log, &told, &bed.ask(["jobs"]), &format!("{status:?}")] {
        assert!(!text.contains(SECRET) && !text.contains(BASE64), "{text}");
    }
    deployer.stops();
    assert_eq!(files_with(&bed.state(), SECRET) + files_with(&bed.state(), BASE64), 0);
}

#[test]
fn nor_is_one_that_a_step_mounts_nor_is_it_in_the_image() {
    let bed = Bed::plain();
    base_image(&bed.engine, "base");
    let token = bed.home().join("hub-token");
    std::fs::write(&token, format!("{SECRET}\n")).unwrap();
    let path = bed.site().to_string_lossy().into_owned();
    let live = Scope { repository: path.clone(), reference: Some("refs/heads/live".to_owned()) };
    let mut settings = settings(&bed);
    settings
        .secrets
        .insert("hub-token".to_owned(), SecretSetting { source: Source::File(token), only: vec![live] });
    let site = Site::at(&bed.site());
    let mount = "RUN --mount=type=secret,id=hub,required=true";
    let print = "cd /run/secrets; echo as $(cat hub), $(base64 hub).; rev hub";
    let good = site.commit_dockerfile("good", &format!("FROM base\n{mount} {print}\n"));
    site.push(&good);
    let how = dockerfile("Dockerfile").secret("hub", "hub-token");
    let deployer = Library::start_with(&settings, &[repo(path).docker(how.deploy("live", "site:live", []))]);
    bed.job_for("docker-push", "site:live", "ok");
    let built = bed.job_for("docker-build", &good[..8], "ok");
    let log = bed.ask(["log", &built.id]);
    assert!(log.contains("as ******************, ************************."), "{log}");
    assert!(log.contains(&SECRET.chars().rev().collect::<String>()), "it had it: {log}");

    let bad = site.commit_dockerfile("bad", &format!("FROM base\n{mount} {print}; exit 9\n"));
    site.push(&bad);
    let failed = bed.job_for("docker-build", &bad[..8], "failed (permanent)");
    let status = bed.tell(["status"]);
    let image = bed.engine.docker(["images", "--filter", "reference=ci/*", "--format", "{{.Repository}}"]);
    let image = image.lines().next().expect("the good one is there").to_owned();
    for text in [
        &log,
        &bed.ask(["log", &failed.id]),
        &bed.ask(["jobs"]),
        &format!("{status:?}"),
        &bed.engine.docker(["history", "--no-trunc", &image]),
        &bed.engine.docker(["inspect", &image]),
    ] {
        assert!(!text.contains(SECRET) && !text.contains(BASE64), "{text}");
    }
    deployer.stops();
    assert_eq!(files_with(&bed.state(), SECRET) + files_with(&bed.state(), BASE64), 0);
}

/// How many files in a folder hold a text.
fn files_with(folder: &Path, text: &str) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => files_with(&path, text),
            false => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                usize::from(bytes.windows(text.len()).any(|window| window == text.as_bytes()))
            }
        })
        .sum()
}

#[test]
fn whoever_has_only_its_name_builds_nothing_with_it() {
    let bed = Bed::plain();
    base_image(&bed.engine, "base");
    let path = bed.site().to_string_lossy().into_owned();
    let site = Site::at(&bed.site());
    let commit =
        site.commit_dockerfile("good", "FROM base\nRUN --mount=type=secret,id=hub cat /run/secrets/hub\n");
    site.push(&commit);
    // As `deployer local` has it, once the build is approved.
    let settings = deployer::Settings { anonymous: true, ..settings(&bed) };
    let how = dockerfile("Dockerfile").secret("hub", "hub-token");
    let deployer = Library::start_with(&settings, &[repo(path).docker(how.deploy("live", "site:live", []))]);
    let failed = bed.job_for("docker-build", &commit[..8], "failed (permanent)");
    assert!(failed.state.contains("the secret hub-token is not here, only its name is"), "{failed:?}");
    deployer.stops();
}
