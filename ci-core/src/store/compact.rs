//! Making the journal small again: what still matters goes into a snapshot, the rest goes away.
//!
//! Which records matter is found by folding the journal itself, not by asking the index, so that nothing the index
//! lost can get lost here. The records are copied as they are, under their own numbers.

use std::fs::File;
use std::io;
use std::path::Path;

use super::disk::write_all_at;
use super::fold::{self, Kept};
use super::index::Index;
use super::journal::{Active, Files, Journal, Next, ReadError, read};
use super::rows::{IndexError, Memory};

/// Frames are written to the snapshot in lots of this many bytes.
const LOT_BYTES: usize = 1 << 20;

/// Why the journal stays as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompactError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Fold(#[from] IndexError),
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl Journal {
    /// Writes a snapshot of everything so far, begins a new segment, removes what the snapshot stands for. Returns
    /// the snapshot's size, bytes.
    ///
    /// # Errors
    ///
    /// Then the journal says the same as before and can be appended to.
    pub(super) fn compact(&mut self, kept: Kept) -> Result<u64, CompactError> {
        let mut memory = Index::Memory(Memory::new());
        self.replay(0, &mut memory, kept, fold::bare)?;
        let alive = match memory {
            Index::Memory(rows) => fold::alive(&rows)?,
            Index::Sled(_) | Index::Closed => {
                return Err(IndexError("the fold lost its rows".to_owned()).into());
            }
        };
        let tmp = self.folder.join("snapshot.tmp");
        let snapshot = self.folder.join(format!("{:020}-{}.snapshot", self.last, alive.len()));
        let old = Files::list(&self.folder)?;
        let len = match self.write_snapshot(&tmp, &old, |sequence| alive.contains(&sequence)) {
            Ok(len) => len,
            Err(error) => {
                // Makes room again when there was none; if it stays, the next open removes it.
                let _ = self.disk.remove(&tmp);
                return Err(error);
            }
        };
        self.disk.rename(&tmp, &snapshot)?;
        self.disk.sync_folder(&self.folder)?;
        // From here on the snapshot counts; should the new segment fail, the old one goes on behind it.
        self.active = Active::create(&*self.disk, &self.folder, self.last + 1)?;
        for path in old.into_paths().filter(|path| *path != self.active.path && *path != snapshot) {
            if let Err(error) = self.disk.remove(&path) {
                tracing::warn!(file = %path.display(), %error, "an old part of the journal can't be removed");
            }
        }
        Ok(len)
    }

    fn write_snapshot(
        &self,
        path: &Path,
        old: &Files,
        is_alive: impl Fn(u64) -> bool,
    ) -> Result<u64, CompactError> {
        let file = self.disk.create(path)?;
        let mut lot = Vec::new();
        let mut len = 0;
        let mut write = |file: &File, lot: &mut Vec<u8>| {
            write_all_at(&*self.disk, file, lot, len)?;
            len += lot.len() as u64;
            lot.clear();
            Ok::<_, CompactError>(len)
        };
        read(old, |_, next| {
            if let Next::Frame(frame) = next
                && is_alive(frame.sequence)
            {
                lot.extend_from_slice(frame.bytes);
                if lot.len() >= LOT_BYTES {
                    write(&file, &mut lot)?;
                }
            }
            Ok::<_, CompactError>(())
        })?;
        let len = write(&file, &mut lot)?;
        self.disk.sync(&file)?;
        Ok(len)
    }
}
