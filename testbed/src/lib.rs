//! For tests only: a Docker engine, a registry, a git repository, a server for it, and a browser of a test's own.
//!
//! What a test does to an engine of its own (kill it, fill it, make a Swarm of it) nobody else feels. Everything
//! is named after the test's process and removed when its value is dropped, also by a panic; what a killed test
//! could not remove, the next [`Engine::start`] or [`Browser::start`] does.
//!
//! Helpers panic, with the reason in one line: a test can do nothing else with a failure of its bed.

mod browser;
mod debian;
mod engine;
mod git;
mod git_server;
mod image;
mod registry;

pub use browser::{Browser, Page};
pub use engine::{Engine, EngineOptions};
pub use git::GitRepo;
pub use git_server::{GitServer, GitServing};
pub use image::{base_image, build_image};
pub use registry::Registry;
