//! Uploads: bytes on their way to becoming a blob.
//!
//! *open → claimed by one request at a time, which appends → finished (a blob) or gone.*
//!
//! - A request claims an upload or is told that another has it. The claim ends with the request, whether it was
//!   answered or its connection broke, but not before a write under way has ended.
//! - A connection that breaks leaves the upload open with all bytes that arrived: the client asks how far it came
//!   and goes on. File, hash and length change together, in one blocking step per chunk.
//! - A chunk whose length is not the one announced is taken back.
//! - A write that fails ends the upload: what the file holds is unknown. So does a digest that does not match.
//! - An upload that no request touched for [`UPLOAD_IDLE_MAX`] is gone; so are all when the process ends, since the
//!   hash lives in memory.
//! - Whoever takes an upload out of the table decides: a cancelled upload can't finish, and none finishes twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::blocking::blocking;
use crate::digest::Digest;
use crate::name::Name;
use crate::storage::{At, Storage, StorageError};

/// How many uploads may be open at once. Docker opens five for a push; each holds an open file.
pub const UPLOADS_MAX: usize = 256;

/// How long an upload that no request touches is kept.
pub const UPLOAD_IDLE_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a request's body may pause before the request is given up.
pub const BODY_IDLE_MAX: Duration = Duration::from_secs(60);

/// How much is gathered in memory before it is hashed and written, bytes. A frame of the connection may exceed it.
const CHUNK_LEN: usize = 512 * 1024;

/// Every open upload.
pub(crate) struct Uploads {
    table: Mutex<HashMap<String, Arc<Upload>>>,
}

/// One open upload, for one repository.
pub(crate) struct Upload {
    id: String,
    name: Name,
    /// One permit: the claim.
    turn: Arc<Semaphore>,
    /// Never held for long, so that anybody may ask.
    progress: Mutex<Progress>,
    /// Held while the disk works, by who has the claim.
    sink: Mutex<Sink>,
}

struct Progress {
    len: u64,
    touched: Instant,
}

struct Sink {
    /// `None` once the upload is finished.
    temp: Option<NamedTempFile>,
    hasher: Sha256,
}

/// The right of one request to append to an upload, or to finish it.
pub(crate) struct Claim {
    upload: Arc<Upload>,
    _turn: OwnedSemaphorePermit,
}

/// Which bytes of the blob a request's body is, as its `Content-Range` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRange {
    /// The first byte, counted from 0.
    pub(crate) start: u64,
    /// How many bytes; at least one.
    pub(crate) len: u64,
}

/// Why an upload did not go on.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// [`UPLOADS_MAX`] are open.
    TooMany,
    /// There is no such upload, or no more.
    Unknown,
    /// Another request has it.
    Busy,
    /// The chunk does not begin where the upload ends.
    OutOfOrder { len: u64 },
    /// The body is not as long as its `Content-Range`; it was taken back.
    WrongLength { len: u64 },
    /// The connection broke or paused for too long; what arrived is kept.
    Broken { why: String },
    /// The bytes have another digest; the upload is gone.
    WrongDigest { actual: Digest },
    /// The disk failed; the upload is gone.
    Storage(StorageError),
}

impl From<StorageError> for UploadError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Uploads {
    pub(crate) fn new() -> Self {
        Self { table: Mutex::new(HashMap::new()) }
    }

    /// Opens an upload. Blocks.
    pub(crate) fn start(&self, storage: &Storage, name: &Name) -> Result<Arc<Upload>, UploadError> {
        self.expire_idle();
        if self.lock().len() >= UPLOADS_MAX {
            return Err(UploadError::TooMany);
        }
        let temp = storage.create_temp()?;
        let file_name = temp.path().file_name().and_then(|name| name.to_str());
        let id = file_name.and_then(|name| name.strip_prefix("upload-"));
        let id = id.expect("because the storage names its files so").to_owned();
        let upload = Arc::new(Upload {
            id: id.clone(),
            name: name.clone(),
            turn: Arc::new(Semaphore::new(1)),
            progress: Mutex::new(Progress { len: 0, touched: Instant::now() }),
            sink: Mutex::new(Sink { temp: Some(temp), hasher: Sha256::new() }),
        });
        let mut table = self.lock();
        if table.len() >= UPLOADS_MAX {
            return Err(UploadError::TooMany);
        }
        table.insert(id, upload.clone());
        Ok(upload)
    }

    /// The open upload of this id, if it belongs to this repository.
    pub(crate) fn find(&self, name: &Name, id: &str) -> Result<Arc<Upload>, UploadError> {
        let upload = self.lock().get(id).filter(|upload| upload.name == *name).cloned();
        upload.ok_or(UploadError::Unknown)
    }

    /// Takes the upload out of the table. Whether it was there.
    pub(crate) fn remove(&self, upload: &Upload) -> bool {
        self.lock().remove(&upload.id).is_some()
    }

    /// Forgets what no request touched for [`UPLOAD_IDLE_MAX`]; its files are removed. Blocks.
    pub(crate) fn expire_idle(&self) {
        let is_idle = |upload: &Upload| {
            upload.turn.available_permits() > 0 && upload.progress().touched.elapsed() >= UPLOAD_IDLE_MAX
        };
        let idle: Vec<_> = self.lock().extract_if(|_, upload| is_idle(upload)).collect();
        if !idle.is_empty() {
            tracing::info!(uploads = idle.len(), "forgot uploads that nobody went on with");
        }
    }

    /// Appends a request's body, with bounded memory. The upload's length afterwards.
    ///
    /// With a range, the body must begin where the upload ends and be as long as the range says.
    pub(crate) async fn receive(
        &self,
        claim: &Arc<Claim>,
        range: Option<ChunkRange>,
        body: Body,
    ) -> Result<u64, UploadError> {
        let before = claim.upload.len();
        if range.is_some_and(|range| range.start != before) {
            return Err(UploadError::OutOfOrder { len: before });
        }
        let received = self.append_all(claim, range, body.into_data_stream()).await;
        if let Err(UploadError::Storage(_)) = received {
            self.discard(claim).await;
        }
        received
    }

    /// Ends an upload that nobody will go on with, and removes its file.
    pub(crate) async fn discard(&self, claim: &Arc<Claim>) {
        self.remove(&claim.upload);
        let claim = claim.clone();
        blocking(move || drop(claim.upload.sink().temp.take())).await;
    }

    async fn append_all(
        &self,
        claim: &Arc<Claim>,
        range: Option<ChunkRange>,
        mut body: BodyDataStream,
    ) -> Result<u64, UploadError> {
        let (len_before, hasher_before) = (claim.upload.len(), claim.upload.sink().hasher.clone());
        let mut gathered = Vec::new();
        let mut gathered_len = 0;
        let mut end = None;
        while end.is_none() {
            match tokio::time::timeout(BODY_IDLE_MAX, body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    gathered_len += bytes.len();
                    gathered.push(bytes);
                }
                Ok(Some(Err(error))) => end = Some(Err(error.to_string())),
                Ok(None) => end = Some(Ok(())),
                Err(_) => end = Some(Err(format!("nothing arrived for {} s", BODY_IDLE_MAX.as_secs()))),
            }
            if gathered_len >= CHUNK_LEN || end.is_some() {
                gathered_len = 0;
                let (chunks, claim) = (std::mem::take(&mut gathered), claim.clone());
                let len = blocking(move || claim.upload.append(&chunks)).await?;
                if range.is_some_and(|range| len > range.start + range.len) {
                    break;
                }
            }
        }
        let len = claim.upload.len();
        match (end, range) {
            (Some(Err(why)), _) => Err(UploadError::Broken { why }),
            (_, Some(range)) if len != range.start + range.len => {
                let claim = claim.clone();
                blocking(move || claim.upload.take_back(hasher_before, len_before)).await?;
                Err(UploadError::WrongLength { len: len_before })
            }
            _ => Ok(len),
        }
    }

    /// Makes the upload a blob of its repository, if that is its digest. Either way it is an upload no more. Blocks.
    pub(crate) fn finish(
        &self,
        storage: &Storage,
        claim: &Claim,
        digest: &Digest,
    ) -> Result<(), UploadError> {
        if !self.remove(&claim.upload) {
            return Err(UploadError::Unknown);
        }
        let (temp, hasher) = {
            let mut sink = claim.upload.sink();
            (sink.temp.take().ok_or(UploadError::Unknown)?, sink.hasher.clone())
        };
        let actual = Digest::finish(hasher);
        if actual != *digest {
            return Err(UploadError::WrongDigest { actual });
        }
        Ok(storage.store_blob(&claim.upload.name, digest, temp)?)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Upload>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// How many bytes are there.
    pub(crate) fn len(&self) -> u64 {
        self.progress().len
    }

    /// The right to append or finish, unless another request has it.
    pub(crate) fn claim(self: &Arc<Self>) -> Result<Arc<Claim>, UploadError> {
        let turn = self.turn.clone().try_acquire_owned().map_err(|_| UploadError::Busy)?;
        Ok(Arc::new(Claim { upload: self.clone(), _turn: turn }))
    }

    fn append(&self, chunks: &[Bytes]) -> Result<u64, UploadError> {
        let mut sink = self.sink();
        for chunk in chunks {
            sink.write(|file| file.write_all(chunk))?;
            sink.hasher.update(chunk);
        }
        let mut progress = self.progress();
        progress.len += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        progress.touched = Instant::now();
        Ok(progress.len)
    }

    fn take_back(&self, hasher: Sha256, len: u64) -> Result<(), UploadError> {
        let mut sink = self.sink();
        sink.write(|file| {
            file.set_len(len)?;
            file.seek(SeekFrom::Start(len)).map(|_| ())
        })?;
        sink.hasher = hasher;
        self.progress().len = len;
        Ok(())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn write(&mut self, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), UploadError> {
        // A request may have found the upload before another one finished it.
        let temp = self.temp.as_mut().ok_or(UploadError::Unknown)?;
        Ok(write(temp.as_file_mut()).at(temp.path())?)
    }
}
