//! The registry that images are pushed to.

use ci_core::{Bind, Bindings, Unbound};

use crate::docker::{BadReference, Reference};

/// A registry by its address. It needs no login. It is part of every reference to what is stored there, so it must not move.
#[derive(Clone, Debug)]
pub struct Registry {
    address: String,
}

impl Registry {
    /// `registry.example.org`, or `127.0.0.1:5000`.
    ///
    /// # Errors
    ///
    /// When no reference can begin with it.
    pub fn new(address: impl Into<String>) -> Result<Self, BadReference> {
        let registry = Self { address: address.into() };
        registry.reference("name")?;
        Ok(registry)
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The full name of `team/site:live` here.
    ///
    /// # Errors
    ///
    /// When `path` is not a name that a registry takes.
    pub fn reference(&self, path: &str) -> Result<Reference, BadReference> {
        format!("{}/{path}", self.address).parse()
    }
}

impl Bind for Registry {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}
