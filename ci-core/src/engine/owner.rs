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

    /// Its file's name in a state directory.
    pub(super) const FILE: &str = "owner";

    pub(super) fn file(state: &Path) -> PathBuf {
        state.join(Self::FILE)
    }

    /// The one in that file, if there is one.
    pub(super) fn read(file: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (owner, sum) = text.split_at_checked(Self::DIGITS).unwrap_or_default();
        let is_owner =
            owner.len() == Self::DIGITS && owner.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        // Without a checksum it is of a time when there was none.
        if !is_owner || !(sum.is_empty() || sum == Self::sum(owner)) {
            return Err(io::Error::new(ErrorKind::InvalidData, "it holds no owner, or not the one it held"));
        }
        Ok(Some(Self(owner.to_owned())))
    }

    /// What stands behind it in its file: of another owner nothing outside would be ours.
    fn sum(owner: &str) -> String {
        format!(" {:08x}\n", crc32fast::hash(owner.as_bytes()))
    }

    /// Reads the state directory's, or makes one, durably, the first time. The caller holds the directory's lock.
    pub(super) fn of(state: &Path) -> io::Result<Self> {
        let file = Self::file(state);
        if let Some(owner) = Self::read(&file)? {
            return Ok(owner);
        }
        let owner = Self(format!("{:012x}", crate::cache::random() & 0xffff_ffff_ffff));
        let mut new = tempfile::NamedTempFile::new_in(state)?;
        write!(new, "{}{}", owner.0, Self::sum(&owner.0))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_byte_of_the_file_is_lost_there_is_no_other_owner() {
        let state = tempfile::tempdir().unwrap();
        let owner = Owner::of(state.path()).unwrap();
        assert_eq!(Owner::of(state.path()).unwrap(), owner);
        let file = Owner::file(state.path());
        let bytes = fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&file, flipped).unwrap();
            assert_eq!(Owner::of(state.path()).unwrap_err().kind(), ErrorKind::InvalidData, "byte {at}");
            fs::write(&file, &bytes[..at]).unwrap();
            let cut = Owner::of(state.path());
            assert!(
                cut.is_err_and(|error| error.kind() == ErrorKind::InvalidData) != (at == Owner::DIGITS),
                "{at}"
            );
        }
    }
}
