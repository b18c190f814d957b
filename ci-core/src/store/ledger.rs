//! What was found damaged: told, listed, and kept as a copy.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Disk, write_all_at};
use super::error::{Damage, DamageKind};

/// More damages than this are told in the log only, and not copied.
pub(super) const LISTED_MAX: usize = 1000;
/// How much is copied at once, bytes.
const CHUNK_BYTES: u64 = 1 << 20;

#[derive(Clone)]
pub(super) struct Ledger {
    quarantine: PathBuf,
    disk: Arc<dyn Disk>,
    damages: Arc<Mutex<Vec<Damage>>>,
}

impl Ledger {
    pub(super) fn new(quarantine: PathBuf, disk: Arc<dyn Disk>) -> Self {
        Self { quarantine, disk, damages: Arc::default() }
    }

    pub(super) fn damages(&self) -> Vec<Damage> {
        self.damages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells it, once, and copies the bytes. Whether nothing is lost when they are cut off.
    pub(super) fn report(&self, kind: DamageKind, file: &Path, bytes: Range<u64>) -> bool {
        let mut damages = self.damages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = damages.iter().find(|known| known.file == file && known.bytes == bytes) {
            return known.copy.is_some();
        }
        let (from, to) = (bytes.start, bytes.end);
        tracing::warn!(file = %file.display(), from, to, %kind, "the journal is damaged");
        if damages.len() == LISTED_MAX {
            return false;
        }
        let copy = match self.copy(file, &bytes) {
            Ok(copy) => copy,
            Err(error) => {
                tracing::warn!(file = %file.display(), from, to, %error, "damaged bytes can't be copied");
                None
            }
        };
        let copied = copy.is_some();
        damages.push(Damage { kind, file: file.to_owned(), bytes, copy });
        copied
    }

    fn copy(&self, from: &Path, bytes: &Range<u64>) -> io::Result<Option<PathBuf>> {
        let Some(name) = from.file_name().filter(|_| !bytes.is_empty()) else { return Ok(None) };
        let to = self.quarantine.join(format!("{}@{}-{}", name.to_string_lossy(), bytes.start, bytes.end));
        let (input, output) = (File::open(from)?, self.disk.create(&to)?);
        let mut at = bytes.start;
        while at < bytes.end {
            let mut chunk = vec![0; (bytes.end - at).min(CHUNK_BYTES) as usize];
            input.read_exact_at(&mut chunk, at)?;
            write_all_at(&*self.disk, &output, &chunk, at - bytes.start)?;
            at += chunk.len() as u64;
        }
        self.disk.sync(&output)?;
        self.disk.sync_folder(&self.quarantine)?;
        Ok(Some(to))
    }
}
