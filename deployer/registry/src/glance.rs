//! A look at a registry's directory, whether somebody serves it or not. Nothing in it is locked or written.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::name::{Name, Tag};
use crate::server::{self, BindError};
use crate::storage::{self, StorageError};

/// A registry's directory, which may be absent. Every file in it appears whole, so it may be looked at any time.
#[derive(Clone, Debug)]
pub struct Glance {
    root: PathBuf,
}

impl Glance {
    /// Of this directory.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is served, whenever it is: `127.0.0.1:PORT`. `None` before it was ever served.
    ///
    /// # Errors
    ///
    /// When the port can't be read.
    pub fn address(&self) -> Result<Option<String>, BindError> {
        let port = server::read_port(&self.root.join("port"))?;
        Ok(port.map(|port| format!("127.0.0.1:{port}")))
    }

    /// The manifest that a tag names.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn tagged(&self, name: &Name, tag: &Tag) -> Result<Option<Digest>, StorageError> {
        storage::tagged(&self.root, name, tag)
    }
}
