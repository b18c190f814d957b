//! What files were when it was noted: their lengths and checksums. And how a note is kept, so that no flipped byte of it
//! is taken for another note.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file: its path below the folder that the note is about, its length, its checksum.
pub(super) type Sum = (PathBuf, u64, u32);

/// How much is read at once, bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Those of all files below a folder, by path.
pub(super) fn below(folder: &Path) -> io::Result<Vec<Sum>> {
    let mut sums = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let (len, crc) = of(&path)?;
                sums.push((path.strip_prefix(folder).unwrap_or(&path).to_owned(), len, crc));
            }
        }
    }
    sums.sort();
    Ok(sums)
}

/// Length and checksum of a file.
pub(super) fn of(file: &Path) -> io::Result<(u64, u32)> {
    copy(&mut File::open(file)?, &mut io::sink())
}

/// Copies to the end of what is read, and tells length and checksum of that.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, u32)> {
    let (mut len, mut crc, mut chunk) = (0, crc32fast::Hasher::new(), vec![0; CHUNK_BYTES]);
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok((len, crc.finalize())),
            Ok(read) => {
                crc.update(&chunk[..read]);
                to.write_all(&chunk[..read])?;
                len += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// As it is kept: a checksum, and JSON.
pub(super) fn note(noted: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(noted)?;
    let mut note = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    note.extend(json);
    Ok(note)
}

/// What was noted; `None` when it is not as it was written, or something else.
pub(super) fn noted<T: DeserializeOwned>(note: &[u8]) -> Option<T> {
    let (crc, json) = note.split_at_checked(9)?;
    let is_whole = crc == format!("{:08x} ", crc32fast::hash(json)).as_bytes();
    is_whole.then(|| serde_json::from_slice(json).ok())?
}
