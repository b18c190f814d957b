//! Git, Docker and registries as values that change: the vocabulary of pipelines.

pub mod artifacts;
pub mod docker;
pub mod git;
pub mod registry;
#[cfg(feature = "testing")]
pub mod testing;
