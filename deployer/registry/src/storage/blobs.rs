//! Bytes by their digest, each stored once, served by the repositories that hold them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::links::BLOBS;
use super::{At, Storage, StorageError, durable};
use crate::digest::Digest;
use crate::name::Name;

impl Storage {
    /// All 256 at once, so that no blob waits for its directory to be durable.
    pub(super) fn create_blob_dirs(&self) -> Result<(), StorageError> {
        let below = Path::new("blobs").join("sha256");
        durable::create_dirs(&self.root, &below)?;
        let shards = (0..=0xff).map(|byte| format!("{byte:02x}"));
        durable::create_children(&self.root.join(below), shards)
    }

    /// Stores bytes whose digest the caller has computed. Storing the same again is no harm: readers of the file
    /// that is replaced keep it until they are done.
    pub(super) fn store_bytes(&self, temp: NamedTempFile, digest: &Digest) -> Result<(), StorageError> {
        durable::persist(temp, &self.bytes_path(digest))
    }

    /// Stores a blob whose digest the caller has computed, and makes `name` hold it.
    pub(crate) fn store_blob(
        &self,
        name: &Name,
        digest: &Digest,
        temp: NamedTempFile,
    ) -> Result<(), StorageError> {
        self.store_bytes(temp, digest)?;
        let _links = self.lock_links();
        self.write_link(name, BLOBS, digest.hex(), "")
    }

    /// Makes `name` hold a blob that `from` holds. Whether `from` does.
    pub(crate) fn mount_blob(&self, from: &Name, name: &Name, digest: &Digest) -> Result<bool, StorageError> {
        let _links = self.lock_links();
        let held = self.holds_blob(from, digest)?;
        if held {
            self.write_link(name, BLOBS, digest.hex(), "")?;
        }
        Ok(held)
    }

    /// A blob that `name` holds, and its length in bytes.
    pub(crate) fn open_blob(
        &self,
        name: &Name,
        digest: &Digest,
    ) -> Result<Option<(File, u64)>, StorageError> {
        if !self.holds_blob(name, digest)? {
            return Ok(None);
        }
        let path = self.bytes_path(digest);
        let Some(file) = durable::open(&path)? else { return Ok(None) };
        let len = file.metadata().at(&path)?.len();
        Ok(Some((file, len)))
    }

    /// Makes `name` hold a blob no longer. Whether it did.
    pub(crate) fn delete_blob(&self, name: &Name, digest: &Digest) -> Result<bool, StorageError> {
        let _links = self.lock_links();
        durable::remove(&self.link(name, BLOBS, digest.hex()))
    }

    /// Whether `name` holds a blob, and its bytes are there.
    pub(super) fn holds_blob(&self, name: &Name, digest: &Digest) -> Result<bool, StorageError> {
        let (link, bytes) = (self.link(name, BLOBS, digest.hex()), self.bytes_path(digest));
        Ok(fs::exists(&link).at(&link)? && fs::exists(&bytes).at(&bytes)?)
    }

    pub(super) fn bytes_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let (shard, _) = hex.split_at(2);
        self.root.join("blobs").join("sha256").join(shard).join(hex)
    }
}
