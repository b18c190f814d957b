//! The registry itself: what a program that serves it can ask of it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::blocking::blocking;
use crate::digest::Digest;
use crate::name::{Name, Tag};
use crate::storage::{OpenError, Storage, StorageError};
use crate::upload::Uploads;

/// A registry in a directory. Clones are cheap and are the same registry.
///
/// The directory is given back when the last clone, router and [`Server`](crate::Server) are gone.
#[derive(Clone)]
pub struct Registry {
    pub(crate) storage: Arc<Storage>,
    pub(crate) uploads: Arc<Uploads>,
}

impl Registry {
    /// Opens the registry in `dir`, which is created if there is none. Blocks.
    ///
    /// Uploads that an earlier process did not finish are removed.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if another process has the directory, or it can't be written.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let storage = Arc::new(Storage::open(dir.into())?);
        Ok(Self { storage, uploads: Arc::new(Uploads::new()) })
    }

    /// Every repository that holds, or held, a manifest, in order.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the directory can't be read.
    pub async fn repositories(&self) -> Result<Vec<Name>, StorageError> {
        self.blocking(|storage| storage.repositories()).await
    }

    /// The repository's tags and what each names, in order; none if there is no such repository.
    ///
    /// A damaged tag is left out, and reported to the log.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the directory can't be read.
    pub async fn tags(&self, name: &Name) -> Result<Vec<(Tag, Digest)>, StorageError> {
        let name = name.clone();
        let read = move |storage: &Storage| {
            let mut tagged = Vec::new();
            for tag in storage.tags(&name)?.unwrap_or_default() {
                match storage.tagged(&name, &tag) {
                    Ok(Some(digest)) => tagged.push((tag, digest)),
                    // Removed since the tags were listed.
                    Ok(None) => {}
                    Err(error @ StorageError::Damaged { .. }) => {
                        tracing::error!(%error, "a tag was left out")
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(tagged)
        };
        self.blocking(read).await
    }

    /// Removes a tag; its manifest stays. Whether there was one.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the directory can't be written.
    pub async fn delete_tag(&self, name: &Name, tag: &Tag) -> Result<bool, StorageError> {
        let (name, tag) = (name.clone(), tag.clone());
        self.blocking(move |storage| storage.delete_tag(&name, &tag)).await
    }

    /// Removes a manifest and every tag that names it. Whether there was one. What it refers to stays.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the directory can't be written.
    pub async fn delete_manifest(&self, name: &Name, digest: &Digest) -> Result<bool, StorageError> {
        let (name, digest) = (name.clone(), digest.clone());
        self.blocking(move |storage| storage.delete_manifest(&name, &digest)).await
    }

    /// Asks the storage, off the runtime.
    pub(crate) async fn blocking<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let storage = self.storage.clone();
        blocking(move || work(&storage)).await
    }
}
