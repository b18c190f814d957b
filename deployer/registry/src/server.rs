//! Serving on loopback, at a port that never moves.
//!
//! *bound (the port is known and durable) → serving → closing (no new connections; those there finish their request)
//! → ended (what took longer than [`SHUTDOWN_GRACE`] is cut off).* Connections are tasks of the server's own, so
//! none outlives it.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;
use crate::storage::{self, At, StorageError};
use crate::upload::UPLOAD_IDLE_MAX;

/// The ports that one is chosen from: below those that Linux gives to outgoing connections (32768 and up), one of
/// which could otherwise have ours when we start again.
pub const PORTS: RangeInclusive<u16> = 20_000..=29_999;

/// How many connections are served at once. More wait in the system's queue. A client that does not read what it
/// asked for keeps its one.
pub const CONNECTIONS_MAX: usize = 512;

/// How long a connection may take to send a request's head, and how long it may stay without a request.
pub const HEADER_WAIT_MAX: Duration = Duration::from_secs(120);

/// How long requests may go on after the shutdown began.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// How often idle uploads are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(UPLOAD_IDLE_MAX.as_secs() / 10);

/// How long to wait when the system has no connection to give: it is short of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Why the registry can't be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another program has the port.
    #[error(
        "port {port} of the registry is taken by another program, and stored image references name it, so it can't \
         move by itself; stop what listens there (ss -ltnp 'sport = :{port}'), or remove {} to choose another port \
         and build every image again", file.display()
    )]
    PortTaken {
        /// The port.
        port: u16,
        /// Where it is written down.
        file: PathBuf,
    },
    /// The file that remembers the port holds none.
    #[error(
        "{} should hold the registry's port, which stored image references name, but holds none; write that number \
         into it, or remove it to choose another port and build every image again", .0.display()
    )]
    BadPortFile(PathBuf),
    /// No port could be bound.
    #[error("can't bind a port of 127.0.0.1 for the registry: {0}")]
    Socket(#[source] io::Error),
    /// The port can't be read or written down.
    #[error("can't keep the registry's port: {0}")]
    Storage(#[from] StorageError),
}

/// A registry that is bound to its address and serves nobody yet.
pub struct Server {
    registry: Registry,
    listener: TcpListener,
    port: u16,
}

impl Registry {
    /// Binds 127.0.0.1, at the port that the directory remembers, and serves nobody yet.
    ///
    /// The first time, a free port of [`PORTS`] is chosen and written down: it is part of every
    /// stored image reference, so it never moves.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the port is taken by another program, or can't be read or written down.
    pub async fn bind(self) -> Result<Server, BindError> {
        let file = self.storage.root().join("port");
        let read_from = file.clone();
        let stored = self.blocking(move |_| read_port(&read_from)).await?;
        let Some(port) = stored else {
            let (port, listener) = bind_any().await?;
            // Before anybody can be told of it.
            let text = format!("{port}\n");
            self.blocking(move |disk| storage::write_durably(&disk.tmp(), &file, text.as_bytes())).await?;
            return Ok(Server { registry: self, listener, port });
        };
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => Ok(Server { registry: self, listener, port }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(BindError::PortTaken { port, file })
            }
            Err(error) => Err(BindError::Socket(error)),
        }
    }
}

pub(crate) fn read_port(file: &Path) -> Result<Option<u16>, BindError> {
    match fs::read_to_string(file) {
        Ok(text) => match text.trim().parse() {
            Ok(port) if port != 0 => Ok(Some(port)),
            _ => Err(BindError::BadPortFile(file.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at(file)?,
    }
}

/// A free port, looked for from a random one on, so that two directories seldom choose the same while neither runs.
async fn bind_any() -> Result<(u16, TcpListener), BindError> {
    let count = PORTS.len();
    let random = usize::try_from(RandomState::new().hash_one(()) % count as u64).unwrap_or_default();
    let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
    for port in PORTS.skip(random).chain(PORTS.take(random)) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok((port, listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => failure = error,
            Err(error) => return Err(BindError::Socket(error)),
        }
    }
    Err(BindError::Socket(failure))
}

impl Server {
    /// Where the registry answers, `127.0.0.1:PORT`: the first part of its image references.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Serves until `shutdown` is there and the requests under way are answered, or [`SHUTDOWN_GRACE`] has passed.
    ///
    /// Gives how many connections had to be cut off then. Dropped, it cuts off all at once. Unfinished uploads end with the last
    /// clone of the registry.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> usize {
        let Self { registry, listener, .. } = self;
        let closing = CancellationToken::new();
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let router = registry.router();
        let mut connections = JoinSet::new();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => report(ended),
                _ = sweep.tick() => {
                    let uploads = registry.uploads.clone();
                    crate::blocking::blocking(move || uploads.expire_idle()).await;
                }
                (stream, slot) = accept(&listener, &slots) => {
                    connections.spawn(serve_connection(router.clone(), stream, closing.clone(), slot));
                }
            }
        }
        drop(listener);
        closing.cancel();
        let drained = tokio::time::timeout(SHUTDOWN_GRACE, async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(connections = connections.len(), "cut off what went on after the shutdown");
        }
        let cut_off = connections.len();
        connections.shutdown().await;
        cut_off
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("because nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    router: Router,
    stream: TcpStream,
    closing: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_WAIT_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a request failed by an error of the registry's own");
    }
}
