//! A file that fills a disk.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Fills a disk as long as it is there.
pub(crate) struct Ballast(PathBuf);

impl Ballast {
    /// Fills the disk of this folder, to the last byte.
    pub(crate) fn on(folder: &Path) -> Self {
        let path = folder.join("ballast");
        let mut file = File::create(&path).unwrap();
        for chunk in [1 << 20, 1 << 12, 1] {
            let chunk = vec![0; chunk];
            loop {
                match file.write_all(&chunk) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{}: {error}", path.display()),
                }
            }
        }
        Self(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        // In a test that panics its disk may be gone.
        let _ = std::fs::remove_file(&self.0);
    }
}
