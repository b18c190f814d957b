//! Tables under test: [`ci_core::testing`], with the clients and values of [`ci_dsl::testing`].
//!
//! ```
//! use deployer::prelude::*;
//! use deployer::testing;
//!
//! fn pipeline() -> Vec<Repo> {
//!     let site = service("site_web");
//!     vec![repo("/srv/site").docker(dockerfile("Dockerfile").deploy("live", "team/site:live", [site]))]
//! }
//!
//! let commit = testing::commit("/srv/site", "live", "1a2b3c4d");
//! let image = testing::built(&commit);
//! let pushed = testing::pushed("team/site", &image);
//!
//! let mut t = testing::drive(pipeline());
//! t.reads("head of live", commit.clone());
//! t.completes("fetch", &commit);
//! t.completes("build", &image);
//! t.completes("push", &pushed);
//! assert_eq!(t.asked(), [format!("update service site_web on local ({})", pushed.image)]);
//! t.completes("site_web", testing::deployed("site_web", &pushed));
//! assert_eq!(t.outcome(), "ok");
//! ```

use ci_core::Current;
use ci_core::testing::Driven;
pub use ci_dsl::testing::{REGISTRY, built, clients, commit, deployed, pushed};

use crate::table::{self, Repo};

/// Drives what a table means.
///
/// # Panics
///
/// When the table makes no sense: see [`table::TableError`].
#[track_caller]
pub fn drive(table: Vec<Repo>) -> Driven {
    ci_dsl::testing::drive(|| meant(&table))
}

/// What a table means, for [`Driven::restarts`].
///
/// # Panics
///
/// As [`drive`] does.
#[track_caller]
pub fn meant(table: &[Repo]) -> Current<()> {
    table::lower(table).unwrap_or_else(|error| panic!("the table can't be run: {error}"))
}
