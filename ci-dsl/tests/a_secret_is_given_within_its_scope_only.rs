//! A build may have a secret where the secret's scope says so. Where not, and where there is no such secret, or a build
//! argument or a command holds one, nothing is done and nothing is written down: it is an error that says what to do.

use ci_core::current::constant;
use ci_core::secret::{Scope, Secret};
use ci_core::testing::{Driven, drive_with};
use ci_core::{Current, Engine};
use ci_dsl::docker::{self, Dockerfile, dockerfile};
use ci_dsl::{git, testing};

const SITE: &str = "https://example.org/site.git";
const FORK: &str = "https://example.org/stranger/site.git";
const TOKEN: &str = "n0t-for-strangers";

/// With a token for the live branch of the site.
fn outfit(engine: Engine) -> Engine {
    let live = Scope { repository: SITE.to_owned(), reference: Some("refs/heads/live".to_owned()) };
    let token = Secret::new("npm-token", TOKEN).expect("it is long enough").only([live]);
    testing::clients(engine).with_secret(&token).expect("there is room")
}

fn built(repository: &str, branch: &str, how: Dockerfile) -> Current<()> {
    let commit =
        git::repo(repository).and_then(|repo| repo.head(branch)).expect("there may be such a branch");
    docker::build(&commit, how).ignore()
}

/// Up to where the commit is there to be built.
fn fetched(repository: &str, branch: &str, how: Dockerfile) -> Driven {
    let commit = testing::commit(repository, branch, "1a2b3c4d");
    let mut t = drive_with(outfit, || built(repository, branch, how));
    t.reads("head of", commit.clone());
    t.completes("fetch", &commit);
    t
}

/// The keys of builds that were asked for.
fn builds(t: &Driven) -> Vec<String> {
    let builds = t.trace().into_iter().filter(|asked| asked.op == "docker-build");
    builds.map(|asked| asked.key.to_string()).collect()
}

/// Where the build failed, with its hint; and nothing was asked.
fn refused(repository: &str, branch: &str, how: Dockerfile) -> String {
    let t = fetched(repository, branch, how);
    let state = t.state("build");
    assert!(state.starts_with("failed"), "{state}");
    assert_eq!(builds(&t), [""; 0]);
    t.outcome()
}

#[test]
fn where_it_is_for_it_is_asked_for_by_name() {
    let how = || dockerfile("Dockerfile").secret("npm", "npm-token");
    let mut t = fetched(SITE, "live", how());
    let commit = testing::commit(SITE, "live", "1a2b3c4d");
    let keys = builds(&t);
    assert!(keys.len() == 1 && keys[0].contains("npm-token") && !keys[0].contains(TOKEN), "{keys:?}");
    t.completes("build", testing::built(&commit));
    assert_eq!(t.outcome(), "ok");
}

#[test]
fn elsewhere_scope_and_secret_are_named() {
    for (repository, branch) in [(SITE, "staging"), (FORK, "live")] {
        let said = refused(repository, branch, dockerfile("Dockerfile").secret("npm", "npm-token"));
        let expected = format!(
            "the secret npm-token is only for refs/heads/live of {SITE}, not for refs/heads/{branch} of {repository}"
        );
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn a_missing_one_is_named_with_those_that_there_are() {
    let said = refused(SITE, "live", dockerfile("Dockerfile").secret("npm", "nmp-token"));
    assert!(said.contains("there is no secret nmp-token") && said.contains("it has npm-token"), "{said}");
}

#[test]
fn a_build_argument_that_holds_one_is_refused_and_told_what_to_do_instead() {
    for value in
        [TOKEN.to_owned(), format!("https://me:{TOKEN}@example.org/"), "bjB0LWZvci1zdHJhbmdlcnM=".to_owned()]
    {
        let said = refused(SITE, "live", dockerfile("Dockerfile").arg("TOKEN", &value));
        assert!(
            said.contains("argument TOKEN holds a secret") && said.contains("--mount=type=secret"),
            "{said}"
        );
        assert!(!said.contains(&value), "{said}");
    }
}

#[test]
fn a_command_that_holds_one_is_refused_and_shown_nowhere() {
    type Run = fn(&Current<docker::Built>, [String; 2]) -> Current<()>;
    let runs: [Run; 3] = [
        |image, command| docker::run(image, command),
        |image, command| docker::pread(image, command).ignore(),
        |image, command| docker::artifact(image, command, "/out").expect("it may be there").ignore(),
    ];
    let header = format!("Authorization: {TOKEN}");
    for run in runs {
        let command = ["/site".to_owned(), header.clone()];
        let commit = testing::commit(SITE, "live", "1a2b3c4d");
        let image = constant(testing::built(&commit));
        let t = drive_with(outfit, || run(&image, command));
        let said = t.outcome();
        assert!(said.contains("the command holds a secret") && said.contains(".secret("), "{said}");
        assert_eq!(t.trace().len(), 0, "nothing is asked");
        let shown = format!("{said}{:?}", t.snapshot());
        assert!(shown.contains("Authorization: ***") && !shown.contains(TOKEN), "{shown}");
    }
    // Also one that has a space, where the command is cut.
    let spaced = |engine: Engine| {
        let secret = Secret::new("phrase", "correct horse").expect("it is long enough");
        testing::clients(engine).with_secret(&secret).expect("there is room")
    };
    let image = constant(testing::built(&testing::commit(SITE, "live", "1a2b3c4d")));
    let t = drive_with(spaced, || docker::run(&image, ["say", "correct", "horse"]));
    assert!(t.outcome().contains("the command holds a secret"), "{}", t.outcome());
}
