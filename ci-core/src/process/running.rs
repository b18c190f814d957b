//! A program while it runs: all that may happen next, in one place.

use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};
use tokio::time::Sleep;

use super::group::Group;
use super::tail::Tail;
use super::{Process, ProcessError};
use crate::job::{Cancel, Log};
use crate::secret::Secrets;

/// On what terms it runs.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) what: String,
    pub(super) deadline: Duration,
    pub(super) grace: Duration,
    pub(super) cancel: Cancel,
    /// Where a copy of standard error goes.
    pub(super) complaints: Option<Log>,
    /// What its errors don't tell.
    pub(super) secrets: Secrets,
}

pub(super) struct Running {
    terms: Terms,
    group: Group,
    stdin: Option<(ChildStdin, Bytes)>,
    stdout: Option<Pipe>,
    /// `None` from the start when it is the same pipe as standard output, which then feeds the tail.
    stderr: Option<Pipe>,
    together: bool,
    tail: Tail,
    /// First the deadline; after it, or after a cancel, one grace after the other.
    timer: Pin<Box<Sleep>>,
    /// Why it is being stopped.
    verdict: Option<ProcessError>,
    status: Option<ExitStatus>,
}

impl Running {
    pub(super) fn new(
        mut child: Child,
        stdin: Option<Bytes>,
        stdout: io::PipeReader,
        stderr: Option<io::PipeReader>,
        terms: Terms,
    ) -> Result<Self, ProcessError> {
        let lost = |source| ProcessError::Lost { what: terms.what.clone(), source };
        let stdin = child.stdin.take().zip(stdin);
        let group = Group::led_by(child, terms.grace).map_err(lost)?;
        let together = stderr.is_none();
        let stdout = Some(Pipe::new(stdout).map_err(lost)?);
        let stderr = stderr.map(Pipe::new).transpose().map_err(lost)?;
        Ok(Self {
            timer: Box::pin(tokio::time::sleep(terms.deadline)),
            group,
            stdin,
            stdout,
            stderr,
            together,
            tail: Tail::without(terms.secrets.clone()),
            verdict: None,
            status: None,
            terms,
        })
    }

    /// The next bytes of its output; `None` when it is over and succeeded.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ProcessError> {
        while self.status.is_none() || self.stdout.is_some() || self.stderr.is_some() {
            let stopping = self.verdict.is_some();
            let running = self.status.is_none();
            tokio::select! {
                // Being stopped goes before output, of which a program may have an endless supply.
                biased;
                error = self.terms.cancel.requested(), if running && !stopping => {
                    self.stop(ProcessError::Cancelled(error));
                }
                () = &mut self.timer => self.out_of_time(),
                written = write(&mut self.stdin), if self.stdin.is_some() => {
                    // A program that does not want its input closes it, and says by its exit whether that is bad.
                    if written.is_err() || self.stdin.as_ref().is_some_and(|(_, rest)| rest.is_empty()) {
                        self.stdin = None;
                    }
                }
                chunk = read(&mut self.stderr), if self.stderr.is_some() => {
                    let chunk = chunk.map_err(|source| self.lost(source))?;
                    self.tail.push(&chunk);
                    self.terms.complaints.iter().for_each(|log| log.write(&chunk));
                }
                chunk = read(&mut self.stdout), if self.stdout.is_some() => {
                    let chunk = chunk.map_err(|source| self.lost(source))?;
                    if self.together {
                        self.tail.push(&chunk);
                    }
                    if !chunk.is_empty() {
                        return Ok(Some(chunk));
                    }
                }
                status = self.group.ended(), if running => {
                    self.status = Some(status.map_err(|source| self.lost(source))?);
                    self.stdin = None;
                }
                () = tokio::time::sleep(Process::SILENCE_AFTER_EXIT), if !running => {
                    (self.stdout, self.stderr) = (None, None);
                }
            }
        }
        match (self.verdict.take(), self.status) {
            (Some(verdict), _) => Err(verdict),
            (None, Some(status)) if !status.success() => {
                let (what, tail) = (self.terms.what.clone(), std::mem::take(&mut self.tail).closed());
                Err(ProcessError::Failed { what, status, tail })
            }
            _ => Ok(None),
        }
    }

    fn out_of_time(&mut self) {
        if self.status.is_some() {
            // Somebody who escaped the group keeps writing.
            (self.stdout, self.stderr) = (None, None);
            self.verdict.get_or_insert_with(|| late(&self.terms));
        } else if self.verdict.is_none() {
            self.stop(late(&self.terms));
        } else {
            self.group.kill();
            self.timer = Box::pin(tokio::time::sleep(self.terms.grace));
        }
    }

    fn stop(&mut self, why: ProcessError) {
        self.group.terminate();
        self.verdict = Some(why);
        self.timer = Box::pin(tokio::time::sleep(self.terms.grace));
    }

    fn lost(&self, source: io::Error) -> ProcessError {
        ProcessError::Lost { what: self.terms.what.clone(), source }
    }
}

fn late(terms: &Terms) -> ProcessError {
    ProcessError::Late { what: terms.what.clone(), after: terms.deadline }
}

/// The reading end of one of its outputs.
struct Pipe {
    end: Receiver,
    buffer: BytesMut,
}

impl Pipe {
    fn new(end: io::PipeReader) -> io::Result<Self> {
        Ok(Self { end: Receiver::from_owned_fd(end.into())?, buffer: BytesMut::new() })
    }
}

/// The next bytes from a pipe; none at its end, and then the pipe is gone. Safe to cancel.
async fn read(pipe: &mut Option<Pipe>) -> io::Result<Bytes> {
    let Some(Pipe { end, buffer }) = pipe else { return Ok(Bytes::new()) };
    buffer.reserve(Process::CHUNK_BYTES_MAX);
    let read = end.read_buf(&mut (&mut *buffer).limit(Process::CHUNK_BYTES_MAX)).await?;
    let chunk = buffer.split().freeze();
    if read == 0 {
        *pipe = None;
    }
    Ok(chunk)
}

/// Writes some of what is left. Safe to cancel.
async fn write(stdin: &mut Option<(ChildStdin, Bytes)>) -> io::Result<()> {
    let Some((pipe, rest)) = stdin else { return Ok(()) };
    let written = pipe.write(rest).await?;
    rest.advance(written);
    Ok(())
}
