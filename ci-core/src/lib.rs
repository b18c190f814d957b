//! The incremental engine, jobs, cache and store of a CI/CD system. It knows no service.
//!
//! Modules stand in import order: each imports only those above it, but for `cache` and `current`, which are two
//! halves of one thing: what an operation's node sees.

pub mod clock;
mod error;
mod ids;
mod level;

pub mod incr;

pub mod secret;

pub mod executor;
pub mod job;
pub mod log_rules;
pub mod pool;
pub mod process;

pub mod store;

pub mod logs;

pub mod event;
pub mod op;

mod bindings;
mod cache;
mod doubt;
mod monitor;
mod pace;
#[cfg(feature = "testing")]
mod puppets;
mod signal;

pub mod current;

pub mod engine;

pub mod picture;

#[cfg(feature = "testing")]
pub mod testing;

pub use bindings::{Bind, Bindings, DEFAULT, Unbound};
pub use cache::{ATTEMPTS_MAX, Guard, LiveJob, RETRY_DELAY_MAX, RETRY_DELAY_MIN, Refused, UnderWay};
pub use cache::{Due, Foreseen, foresee_build, foresee_publish};
pub use current::{Current, Value};
pub use engine::{Engine, Owner};
pub use error::{Failure, FailureKind, OpError};
pub use ids::{BadJobId, BadKeyDigest, JobId, KeyDigest, OpId};
pub use job::Job;
pub use level::{BadLevel, Level};
pub use monitor::{Monitor, READ_RETRY_DELAY_MAX, READ_RETRY_DELAY_MIN, Watch};
pub use op::{Builder, Publisher};
pub use pace::Pace;
pub use pool::{Pool, Priority, Share, Slot};
