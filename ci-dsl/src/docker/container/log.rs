//! A container's output, read to its true end.
//!
//! *following → (ended) → reading the rest → over.* Two things are not as one would wish. A connection may break, and the
//! engine's `since` knows whole seconds only: so a new connection reads from the beginning again, and what was handed
//! out is counted and passed over. And a log that is followed can end before the last lines that were written (seen on
//! Engine 20.10 in one of fifteen short runs); when the container has stopped its log is complete, so what came after
//! is read then, without following.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as ApiError;
use bollard::query_parameters::LogsOptions;
use ci_core::OpError;
use ci_core::executor::{Output, Source, WorkId};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::exit::is_alive;
use super::{Containers, checked, short};
use crate::docker::client::outside;
use crate::docker::failure;

/// The output without the first `from` bytes.
pub(super) fn read<'a>(
    containers: &'a Containers,
    id: &'a WorkId,
    from: u64,
) -> BoxStream<'a, Result<Output, OpError>> {
    let reader =
        Reader { containers, id, at: 0, from, frames: None, follows: true, failures: 0, over: false };
    stream::unfold(reader, |mut reader| async move {
        if reader.over {
            return None;
        }
        let next = reader.next().await.transpose()?;
        reader.over = next.is_err();
        Some((next, reader))
    })
    .boxed()
}

struct Reader<'a> {
    containers: &'a Containers,
    id: &'a WorkId,
    /// The offset of the next frame.
    at: u64,
    /// The offset of the next byte to hand out.
    from: u64,
    frames: Option<BoxStream<'static, Result<LogOutput, ApiError>>>,
    /// Whether `frames` waits for more.
    follows: bool,
    /// Connections that broke since the last byte was handed out.
    failures: u32,
    over: bool,
}

impl Reader<'_> {
    /// Connections that may break one after the other without a byte in between.
    const FAILURES_MAX: u32 = 5;
    /// How long a container may take to stop after the log that is followed has ended.
    const STOPPING: Duration = Duration::from_secs(5);

    async fn next(&mut self) -> Result<Option<Output>, OpError> {
        let what = format!("logs of container {}", short(self.id));
        loop {
            if self.frames.is_none() {
                self.connect(&what).await?;
            }
            let Some(frames) = &mut self.frames else { return Ok(None) };
            match frames.next().instrument(outside(&what)).await {
                Some(Ok(frame)) => {
                    if let Some(output) = self.new_of(frame) {
                        return Ok(Some(output));
                    }
                }
                None if !self.follows => return Ok(None),
                None => {
                    self.frames = None;
                    // Mostly it stops right now. If not, it was the engine that ended the log.
                    self.containers.wait_once(self.id, Instant::now().checked_add(Self::STOPPING)).await;
                    self.failed(|| {
                        OpError::infrastructure(format!("docker {what}: the engine ends it too early"))
                    })?;
                }
                Some(Err(error)) if failure::is_broken_connection(&error) => {
                    self.frames = None;
                    self.failed(|| self.containers.docker.failure(&what, error))?;
                    sleep(Containers::ENGINE_POLL).await;
                }
                Some(Err(error)) => return Err(self.containers.docker.failure(&what, error)),
            }
        }
    }

    async fn connect(&mut self, what: &str) -> Result<(), OpError> {
        let id = checked(self.id)?;
        let (_, state, _) = self.containers.state_when_back(id).await?;
        self.follows = is_alive(&state);
        self.at = 0;
        let options = LogsOptions {
            follow: self.follows,
            stdout: true,
            stderr: true,
            tail: "all".to_owned(),
            ..Default::default()
        };
        let engine = self.containers.docker.engine().instrument(outside(what)).await;
        let engine = engine.map_err(|error| self.containers.docker.failure(what, error))?;
        self.frames = Some(engine.logs(id.as_str(), Some(options)).boxed());
        Ok(())
    }

    /// What of a frame was not handed out yet.
    fn new_of(&mut self, frame: LogOutput) -> Option<Output> {
        let source = if matches!(frame, LogOutput::StdErr { .. }) { Source::Stderr } else { Source::Stdout };
        let bytes = frame.into_bytes();
        let known = usize::try_from(self.from.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.at += bytes.len() as u64;
        if known >= bytes.len() {
            return None;
        }
        self.failures = 0;
        self.from = self.at;
        Some(Output { source, bytes: bytes[known..].to_vec() })
    }

    fn failed(&mut self, error: impl FnOnce() -> OpError) -> Result<(), OpError> {
        self.failures += 1;
        if self.failures > Self::FAILURES_MAX { Err(error()) } else { Ok(()) }
    }
}
