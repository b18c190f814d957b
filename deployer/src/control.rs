//! The running deployer, spoken to from a terminal: HTTP over a unix socket (0600) in its state directory.
//!
//! | request | answer |
//! |---|---|
//! | `GET /status` | how each thing of the pipeline stands, as JSON |
//! | `GET /jobs?limit=N` | the newest jobs, as JSON |
//! | `GET /log?job=ID&offset=N&follow=true` | the log's bytes from `offset` on |
//! | `GET /logs?text=TEXT&…` | what logs hold a text: see [`ci_core::logs::Search::lines`] |
//! | `POST /housekeeping?dry_run=true` | what is tidied up, or was, as JSON |
//! | `POST /approve?job=ID`, `/cancel`, `/rebuild`, `/discard` | nothing, or why not |
//! | `POST /confirm?level=LEVEL` | nothing |
//!
//! A job may be named by any part of its id that no other recent job has.

use std::path::{Path, PathBuf};

pub use self::client::{Client, ClientError, Verb};
pub(crate) use self::server::{Server, serve};

mod client;
mod server;

/// The socket's name in the state directory.
const SOCKET: &str = "control.sock";
/// How many jobs are looked through to find one by a part of its id.
const LOOKED_THROUGH_MAX: usize = 10_000;

/// Where the socket of the deployer with this state directory is.
pub(crate) fn socket(state: &Path) -> PathBuf {
    state.join(SOCKET)
}
