//! Git, Docker and registries as values that change: the vocabulary of pipelines.

pub mod git;
