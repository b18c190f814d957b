//! Which repository holds what: paths of links, and what can be listed of them.

use std::fs;
use std::path::{Path, PathBuf};

use super::{At, Storage, StorageError, durable};
use crate::digest::Digest;
use crate::name::{Name, Tag};

pub(super) const BLOBS: &str = "_blobs";
pub(super) const MANIFESTS: &str = "_manifests";
pub(super) const TAGS: &str = "_tags";

impl Storage {
    pub(super) fn link(&self, name: &Name, kind: &str, key: &str) -> PathBuf {
        self.repository(name).join(kind).join(key)
    }

    /// Writes a link. The caller holds the links' lock.
    pub(super) fn write_link(
        &self,
        name: &Name,
        kind: &str,
        key: &str,
        value: &str,
    ) -> Result<(), StorageError> {
        let below = PathBuf::from("repositories").join(name.as_str()).join(kind);
        durable::create_dirs(&self.root, &below)?;
        durable::write(&self.tmp(), &self.root.join(below).join(key), value.as_bytes())
    }

    /// Every repository that holds, or held, a manifest, in order of their names' bytes.
    pub(crate) fn repositories(&self) -> Result<Vec<Name>, StorageError> {
        let root = self.root.join("repositories");
        let mut found = Vec::new();
        let mut unseen: Vec<String> = durable::names_in(&root)?;
        while let Some(name) = unseen.pop() {
            // What is no name is no repository, nor is anything below it.
            let Ok(name) = name.parse::<Name>() else { continue };
            let mut is_repository = false;
            for entry in durable::names_in(&root.join(name.as_str()))? {
                is_repository |= entry == MANIFESTS;
                unseen.push(format!("{name}/{entry}"));
            }
            if is_repository {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }

    /// The repository's tags in order of their bytes; `None` if it never held a manifest.
    pub(crate) fn tags(&self, name: &Name) -> Result<Option<Vec<Tag>>, StorageError> {
        let manifests = self.repository(name).join(MANIFESTS);
        if !fs::exists(&manifests).at(&manifests)? {
            return Ok(None);
        }
        let names = durable::names_in(&self.repository(name).join(TAGS))?;
        let mut tags: Vec<Tag> = names.iter().filter_map(|name| name.parse().ok()).collect();
        tags.sort();
        Ok(Some(tags))
    }

    /// The manifest that a tag names.
    pub(crate) fn tagged(&self, name: &Name, tag: &Tag) -> Result<Option<Digest>, StorageError> {
        tagged(&self.root, name, tag)
    }

    fn repository(&self, name: &Name) -> PathBuf {
        repository(&self.root, name)
    }
}

fn repository(root: &Path, name: &Name) -> PathBuf {
    root.join("repositories").join(name.as_str())
}

/// The manifest that a tag names in the directory `root`, whoever has it.
pub(crate) fn tagged(root: &Path, name: &Name, tag: &Tag) -> Result<Option<Digest>, StorageError> {
    let path = repository(root, name).join(TAGS).join(tag.as_str());
    let Some(bytes) = durable::read(&path)? else { return Ok(None) };
    let digest = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    digest.map(Some).ok_or(StorageError::Damaged { path, what: "it holds no digest" })
}
