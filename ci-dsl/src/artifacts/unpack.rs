//! A stranger's tar, as plain files and folders below a folder of ours.
//!
//! The folder is empty and ours alone, and nothing but folders and new files is made in it. So a name without `..` leads
//! nowhere else: there is no link that it could go through.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use bytes::{Buf as _, Bytes};
use sha2::{Digest as _, Sha256};
use tar::{Archive, Entry, EntryType};
use tokio::sync::mpsc;

use super::{Artifact, Artifacts};

/// Why there are no files.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// Something that is not taken.
    #[error("{name:?} {why}")]
    Refused { name: String, why: &'static str },
    /// More than is taken.
    #[error("it has more than {0}")]
    TooMuch(String),
    /// No tar.
    #[error(transparent)]
    Read(io::Error),
    /// It can't be written.
    #[error(transparent)]
    Write(io::Error),
}

/// The most bytes of the tar itself: the files, and some blocks for each entry.
const TAR_BYTES_MAX: u64 = Artifacts::BYTES_MAX + 4096 * Artifacts::ENTRIES_MAX as u64;

/// How much of a refused name is told, characters.
const NAME_SHOWN_MAX: usize = 200;

/// Unpacks into an empty folder. Blocks.
///
/// The first entry is what was asked for: of a folder only what is in it is unpacked, a file is alone.
pub(super) fn unpack(tar: impl Read, into: &Path) -> Result<Artifact, UnpackError> {
    let mut tar = tar.take(TAR_BYTES_MAX);
    match unpack_bounded(&mut tar, into) {
        Err(UnpackError::Read(_)) if tar.limit() == 0 => Err(too_many_bytes()),
        unpacked => unpacked,
    }
}

fn unpack_bounded(tar: impl Read, into: &Path) -> Result<Artifact, UnpackError> {
    let mut unpacked = Unpacking { into, top: None, seen: BTreeMap::new(), files: 0, bytes: 0 };
    for entry in Archive::new(tar).entries().map_err(UnpackError::Read)? {
        unpacked.take(entry.map_err(UnpackError::Read)?)?;
    }
    match unpacked.top {
        Some(_) => Ok(unpacked.artifact()),
        None => Err(UnpackError::Read(io::Error::other("there is nothing in it"))),
    }
}

fn too_many_bytes() -> UnpackError {
    UnpackError::TooMuch(format!("{} MiB", Artifacts::BYTES_MAX >> 20))
}

struct Unpacking<'a> {
    into: &'a Path,
    /// The name of the folder that was asked for; empty for a single file.
    top: Option<PathBuf>,
    seen: BTreeMap<PathBuf, Kind>,
    files: u64,
    bytes: u64,
}

enum Kind {
    Folder,
    File { bytes: u64, may_run: bool, content: [u8; 32] },
}

impl Unpacking<'_> {
    fn take(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let name = entry.path_bytes().into_owned();
        let refused = |why| {
            let name = String::from_utf8_lossy(&name).chars().take(NAME_SHOWN_MAX).collect();
            Err(UnpackError::Refused { name, why })
        };
        let path = Path::new(std::ffi::OsStr::from_bytes(&name));
        if name.len() > Artifacts::NAME_BYTES_MAX {
            return refused("has too long a name");
        }
        if name.contains(&0) {
            return refused("has a zero byte in its name");
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_))) || path.file_name().is_none() {
            return refused("leads elsewhere");
        }
        let is_folder = match entry.header().entry_type() {
            EntryType::Directory => true,
            EntryType::Regular => false,
            EntryType::Symlink => return refused("is a link"),
            EntryType::Link => return refused("is a hard link"),
            _ => return refused("is no plain file"),
        };
        let path = match &self.top {
            None if is_folder => {
                self.top = Some(path.to_owned());
                return Ok(());
            }
            None => {
                self.top = Some(PathBuf::new());
                path.file_name().map(PathBuf::from).unwrap_or_default()
            }
            Some(top) => match path.strip_prefix(top) {
                Ok(inner) if !top.as_os_str().is_empty() && inner.file_name().is_some() => inner.to_owned(),
                _ => return refused("is beside what was asked for"),
            },
        };
        if self.seen.len() >= Artifacts::ENTRIES_MAX {
            return Err(UnpackError::TooMuch(format!("{} files and folders", Artifacts::ENTRIES_MAX)));
        }
        if self.seen.contains_key(&path) {
            return refused("is there twice");
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !matches!(self.seen.get(folder), Some(Kind::Folder))) {
            return refused("is in no folder that is there");
        }
        let kind = match is_folder {
            true => {
                fs::create_dir(self.into.join(&path)).map_err(UnpackError::Write)?;
                Kind::Folder
            }
            false => self.file(&mut entry, &path)?,
        };
        self.seen.insert(path, kind);
        Ok(())
    }

    fn file(&mut self, entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<Kind, UnpackError> {
        let room = Artifacts::BYTES_MAX - self.bytes;
        if entry.size() > room {
            return Err(too_many_bytes());
        }
        let may_run = entry.header().mode().map_err(UnpackError::Read)? & 0o111 != 0;
        let mode = if may_run { 0o755 } else { 0o644 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(self.into.join(path));
        let mut file: File = file.map_err(UnpackError::Write)?;
        let (mut bytes, mut content, mut buffer) = (0, Sha256::new(), vec![0; 64 << 10]);
        loop {
            let read = entry.read(&mut buffer).map_err(UnpackError::Read)?;
            if read == 0 {
                break;
            }
            content.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(UnpackError::Write)?;
            bytes += read as u64;
        }
        if bytes != entry.size() {
            return Err(UnpackError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        (self.files, self.bytes) = (self.files + 1, self.bytes + bytes);
        Ok(Kind::File { bytes, may_run, content: content.finalize().into() })
    }

    fn artifact(&self) -> Artifact {
        let mut whole = Sha256::new();
        for (path, kind) in &self.seen {
            let name = path.as_os_str().as_bytes();
            whole.update((name.len() as u64).to_be_bytes());
            whole.update(name);
            match kind {
                Kind::Folder => whole.update([0]),
                Kind::File { bytes, may_run, content } => {
                    whole.update([1, u8::from(*may_run)]);
                    whole.update(bytes.to_be_bytes());
                    whole.update(content);
                }
            }
        }
        let digest = format!("sha256:{}", hex::encode(whole.finalize()));
        let digest = digest.parse().expect("because it has 64 digits");
        Artifact { digest, files: self.files, bytes: self.bytes }
    }
}

/// Chunks that come from elsewhere. Its end is the end of the sender.
pub(super) struct Coming {
    chunks: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl Coming {
    pub(super) fn new(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self { chunks, chunk: Bytes::new() }
    }
}

impl Read for Coming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let read = self.chunk.len().min(into.len());
        into[..read].copy_from_slice(&self.chunk[..read]);
        self.chunk.advance(read);
        Ok(read)
    }
}
