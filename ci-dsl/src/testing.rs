//! Pipelines of this vocabulary under test: [`ci_core::testing`], with clients that reach nobody, and values for what
//! operations give.
//!
//! ```
//! use ci_core::{Current, OpError};
//! use ci_dsl::docker::{self, dockerfile};
//! use ci_dsl::{git, testing};
//!
//! fn pipeline() -> Current<()> {
//!     let site = git::repo("https://example.org/site.git").unwrap().head("live").unwrap();
//!     let image = docker::build(&site, dockerfile("Dockerfile"));
//!     let tested = docker::run(&image, ["./run-tests"]);
//!     docker::push(&image.gate(&tested), "team/site:live").unwrap().ignore()
//! }
//!
//! let commit = testing::commit("https://example.org/site.git", "live", "1a2b3c4d");
//! let mut t = testing::drive(pipeline);
//! t.reads("head of live", commit.clone());
//! t.completes("fetch live", &commit);
//! t.completes("build", testing::built(&commit));
//! assert_eq!(t.state("push"), "waiting for run ./run-tests");
//! t.fails("run-tests", OpError::permanent("2 of 30 tests fail"));
//! assert_eq!(t.state("push"), "blocked by run ./run-tests");
//! ```

use ci_core::testing::{Driven, drive_with};
use ci_core::{Current, Engine};

use crate::artifacts::Artifacts;
use crate::docker::service::{Evidence, Health};
use crate::docker::{Built, Deployed, Docker, DockerHost, Pinned, Pushed};
use crate::git::{Commit, Git, GitOptions, RefName, RepoUrl};
use crate::registry::Registry;

/// The address of the registry.
pub const REGISTRY: &str = "registry.test";

/// [`ci_core::testing::drive`], with [`clients`].
///
/// # Panics
///
/// When the pipeline can't be lowered, since an operation needs a client that is none of [`clients`].
#[track_caller]
pub fn drive(pipeline: impl FnOnce() -> Current<()>) -> Driven {
    drive_with(clients, pipeline)
}

/// Every client of this crate, under every name, for [`drive_with`]. None of them reaches anybody.
///
/// # Panics
///
/// When no temporary folder can be made.
pub fn clients(engine: Engine) -> Engine {
    let git = Git::looking(engine.store().dir(), GitOptions::default())
        .unwrap_or_else(|error| panic!("no git for the test: {error}"));
    let registry = Registry::new(REGISTRY).expect("because it is an address");
    let artifacts = Artifacts::at(engine.store().dir());
    engine.with(git).with(registry).with(artifacts).with_any(|name| {
        let context = if name.is_empty() { Docker::LOCAL } else { name };
        Docker::new(context, DockerHost::Unix("/nowhere".into()))
    })
}

/// A commit on a branch, as a monitor reads it and a fetch gives it. Of `id`, the first digits are enough.
///
/// # Panics
///
/// When there can be no such repository, branch or commit.
#[track_caller]
pub fn commit(repository: &str, branch: &str, id: &str) -> Commit {
    let told = |what: &dyn std::fmt::Display| -> ! { panic!("no commit {id:?} of {branch:?}: {what}") };
    Commit {
        repo: RepoUrl::parse(repository).unwrap_or_else(|error| told(&error)),
        reference: RefName::parse(branch).unwrap_or_else(|error| told(&error)),
        id: format!("{id:0<40}").parse().unwrap_or_else(|error| told(&error)),
    }
}

/// What the build of a commit gives. Equal commits give equal images.
pub fn built(commit: &Commit) -> Built {
    let id = commit.id.as_str();
    Built {
        id: format!("sha256:{id:0<64}").parse().expect("because it has 64 digits"),
        architecture: "amd64".to_owned(),
        tag: format!("ci/{id}:latest").parse().expect("because it is a name"),
        revision: format!("{}@{id}", commit.repo.as_str()),
    }
}

/// What the push of an image gives: `path` (`team/site`) in [`REGISTRY`], by a digest of its own. Equal images have
/// equal digests.
///
/// # Panics
///
/// When no registry takes such a name.
#[track_caller]
pub fn pushed(path: &str, image: &Built) -> Pushed {
    let id = image.id.to_string();
    let digits: String = id.trim_start_matches("sha256:").chars().rev().collect();
    let pinned = format!("{REGISTRY}/{path}@sha256:{digits}").parse::<Pinned>();
    let image_there = pinned.unwrap_or_else(|error| panic!("no image {path:?}: {error}"));
    Pushed { image: image_there, revision: image.revision.clone() }
}

/// What a service gives that runs an image.
pub fn deployed(service: &str, pushed: &Pushed) -> Deployed {
    let evidence = Evidence {
        service: service.to_owned(),
        image: pushed.image.to_string(),
        version: 1,
        tasks: Vec::new(),
        health: Health::Healthy,
        stable_for_ms: 10_000,
    };
    Deployed { evidence, revision: pushed.revision.clone() }
}
