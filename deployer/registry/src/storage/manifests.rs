//! Manifests and the tags that name them.

use std::io::Write;

use super::links::{MANIFESTS, TAGS};
use super::{At, Storage, StorageError, durable};
use crate::digest::Digest;
use crate::manifest::{self, Manifest};
use crate::name::{Name, Tag};

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Tag(Tag),
    Digest(Digest),
}

/// A manifest as it was pushed.
pub(crate) struct StoredManifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Why a manifest was not stored.
#[derive(Debug)]
pub(crate) enum PutError {
    /// What it refers to and the repository does not hold; never empty.
    Missing(Vec<Digest>),
    Storage(StorageError),
}

impl From<StorageError> for PutError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Storage {
    /// Stores a manifest that [`Manifest::parse`] read from `bytes`, under their digest and, if given, a tag.
    ///
    /// What it refers to is looked for under the links' lock, so nothing is removed between the look and the push.
    pub(crate) fn put_manifest(
        &self,
        name: &Name,
        manifest: &Manifest,
        (digest, bytes): (&Digest, &[u8]),
        tag: Option<&Tag>,
    ) -> Result<(), PutError> {
        // Before the lock, since it takes a while: without a link these bytes mean nothing.
        let mut temp = self.create_temp()?;
        temp.write_all(bytes).at(temp.path())?;
        self.store_bytes(temp, digest)?;

        let _links = self.lock_links();
        let mut missing = Vec::new();
        for blob in &manifest.blobs {
            if !self.holds_blob(name, blob)? {
                missing.push(blob.clone());
            }
        }
        for child in &manifest.manifests {
            if self.manifest_link(name, child)?.is_none() {
                missing.push(child.clone());
            }
        }
        if !missing.is_empty() {
            return Err(PutError::Missing(missing));
        }
        self.write_link(name, MANIFESTS, digest.hex(), manifest.media_type)?;
        if let Some(tag) = tag {
            self.write_link(name, TAGS, tag.as_str(), &digest.to_string())?;
        }
        Ok(())
    }

    /// A manifest that `name` holds. Bytes that are not what was pushed are never given out.
    pub(crate) fn manifest(
        &self,
        name: &Name,
        reference: &Reference,
    ) -> Result<Option<StoredManifest>, StorageError> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => match self.tagged(name, tag)? {
                Some(digest) => digest,
                None => return Ok(None),
            },
        };
        let Some(media_type) = self.manifest_link(name, &digest)? else { return Ok(None) };
        let path = self.bytes_path(&digest);
        let Some(bytes) = durable::read(&path)? else { return Ok(None) };
        if Digest::of(&bytes) != digest {
            return Err(StorageError::Damaged { path, what: "its bytes have another digest" });
        }
        Ok(Some(StoredManifest { digest, media_type, bytes }))
    }

    /// Makes `name` hold a manifest no longer, and removes the tags that name it. Whether it held it.
    ///
    /// The tags go first: a tag never names what its repository does not hold.
    pub(crate) fn delete_manifest(&self, name: &Name, digest: &Digest) -> Result<bool, StorageError> {
        let _links = self.lock_links();
        for tag in self.tags(name)?.unwrap_or_default() {
            match self.tagged(name, &tag) {
                Ok(Some(named)) if named == *digest => {
                    durable::remove(&self.link(name, TAGS, tag.as_str()))?;
                }
                // A damaged tag names nothing, so it keeps nothing from being removed.
                Ok(_) | Err(StorageError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        durable::remove(&self.link(name, MANIFESTS, digest.hex()))
    }

    /// Removes a tag; its manifest stays. Whether there was one.
    pub(crate) fn delete_tag(&self, name: &Name, tag: &Tag) -> Result<bool, StorageError> {
        let _links = self.lock_links();
        durable::remove(&self.link(name, TAGS, tag.as_str()))
    }

    /// The media type of a manifest that `name` holds.
    fn manifest_link(&self, name: &Name, digest: &Digest) -> Result<Option<&'static str>, StorageError> {
        let path = self.link(name, MANIFESTS, digest.hex());
        let Some(bytes) = durable::read(&path)? else { return Ok(None) };
        let media_type = std::str::from_utf8(&bytes).ok().and_then(manifest::known);
        media_type
            .map(Some)
            .ok_or(StorageError::Damaged { path, what: "it holds no media type of a manifest" })
    }
}
