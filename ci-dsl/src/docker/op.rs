//! What Docker does for a pipeline: one operation a file.

pub(super) mod artifact;
pub(super) mod build;
pub(super) mod limits;
pub(super) mod pread;
pub(super) mod pull;
pub(super) mod push;
pub(super) mod run;
pub(super) mod service;
