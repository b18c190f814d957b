//! A small, honest OCI distribution registry.
