//! A commit reaches a branch, the image is built, and the service runs it.
//!
//! The program is a table and this library:
//!
//! ```no_run
//! use deployer::prelude::*;
//!
//! fn pipeline() -> Vec<Repo> {
//!     let site = service("site_web");
//!     vec![repo("https://example.org/site.git").docker(
//!         dockerfile("Dockerfile").deploy("live", "team/site:live", [site]),
//!     )]
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     deployer::main(pipeline)
//! }
//! ```

use std::process::ExitCode;

mod cli;
mod control;
mod demo;
mod guarding;
mod housekeeping;
mod local;
pub mod pipeline;
mod plan;
mod run;
mod settings;
mod status;
mod store;
pub mod table;
mod telemetry;
mod terminal;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeline;
mod web;

pub use control::{Client, ClientError, Verb};
pub use housekeeping::{Thing, Tidied};
pub use plan::Plan;
pub use run::Deployer;
pub use settings::{Budget, SecretSetting, Settings};
pub use status::Standing;

/// What a table is written with.
pub mod prelude {
    pub use crate::table::{Context, Dockerfile, Repo, Service, context, dockerfile, repo, service};
}

/// The README's table compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Runs the program `deployer` with this table, as its command line tells.
pub fn main(table: fn() -> Vec<table::Repo>) -> ExitCode {
    cli::main(table)
}
