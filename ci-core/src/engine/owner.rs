//! Whose things on the outside are ours.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A name that a state directory keeps for life: containers and other things outside are marked with it, so that two
/// deployers on one engine leave each other's alone. Bound to every engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// Its length: 12 hex digits.
    const DIGITS: usize = 12;

    pub(super) fn file(state: &Path) -> PathBuf {
        state.join("owner")
    }

    /// Reads the state directory's, or makes one, durably, the first time. The caller holds the directory's lock.
    pub(super) fn of(state: &Path) -> io::Result<Self> {
        let file = Self::file(state);
        match fs::read_to_string(&file) {
            Ok(text)
                if text.len() == Self::DIGITS
                    && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) =>
            {
                return Ok(Self(text));
            }
            Ok(_) => return Err(io::Error::new(ErrorKind::InvalidData, "it holds no owner")),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let owner = Self(format!("{:012x}", crate::cache::random() & 0xffff_ffff_ffff));
        let mut new = tempfile::NamedTempFile::new_in(state)?;
        new.write_all(owner.0.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&file).map_err(|e| e.error)?;
        fs::File::open(state)?.sync_all()?;
        Ok(owner)
    }

    /// 12 of `0-9a-f`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
