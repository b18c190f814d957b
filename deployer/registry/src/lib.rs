//! A small, honest OCI distribution registry on a directory, for engines that share our loopback.
//!
//! It speaks the part of the [distribution specification] that `docker push`, `docker pull`, Swarm services and
//! registry clients use: blobs with ranges, chunked and monolithic uploads, mounts, manifests and indexes by tag
//! and digest, tag lists and the catalog. It has no users and no TLS, so it binds loopback only and refuses what a
//! browser's foreign page could send (see [`Registry::router`]).
//!
//! What was answered with `201` is on the disk: files are synced, then renamed, then their directory is synced. A
//! reader never sees half a blob. What can't be stored is refused with the specification's error codes, and nothing
//! of it stays.
//!
//! Referrers are not served: the answer is `404`, which tells clients of specification 1.1 to keep referrers under
//! a tag of their own, which works here as any tag does. An empty list would hide those.
//!
//! [distribution specification]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
//!
//! Modules stand in import order: each imports only those above it.

mod blocking;
mod digest;
mod name;

mod manifest;
mod storage;
mod upload;

mod error;
mod registry;

mod api;
mod server;

mod glance;

pub use api::{CATALOG_PAGE_DEFAULT, PAGE_MAX};
pub use digest::{BadDigest, Digest};
pub use glance::Glance;
pub use manifest::MANIFEST_LEN_MAX;
pub use name::{BadName, BadTag, Name, Tag};
pub use registry::Registry;
pub use server::{BindError, CONNECTIONS_MAX, HEADER_WAIT_MAX, PORTS, SHUTDOWN_GRACE, Server};
pub use storage::{OpenError, StorageError};
pub use upload::{BODY_IDLE_MAX, UPLOAD_IDLE_MAX, UPLOADS_MAX};
