//! The incremental engine, jobs, cache and store of a CI/CD system. It knows no service.
//!
//! Modules stand in import order: each imports only those above it.

pub mod clock;
mod error;
mod ids;
mod level;

pub mod incr;

pub mod job;
pub mod store;

pub use error::{Failure, FailureKind, OpError};
pub use ids::{BadJobId, BadKeyDigest, JobId, KeyDigest, OpId};
pub use job::Job;
pub use level::{BadLevel, Level};
