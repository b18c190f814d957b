//! The pages at an address of their own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::access::Token;

/// How long open pages may take to go when the server is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// An address that was taken, and that nobody serves yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// Pages being served, until this is stopped or dropped.
#[derive(Debug)]
pub struct Serving {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Takes an address; port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// When it can't be had.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The link that lets a browser on this machine act.
    pub fn link(&self, token: &Token) -> String {
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        };
        token.link(&format!("http://{host}:{}", self.address.port()))
    }

    /// Serves. Needs a tokio runtime.
    pub fn serve(self, pages: Router) -> Serving {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // Dropping the sender stops it, too.
            let stopped = async { _ = stopped.await };
            let served = axum::serve(self.listener, pages).with_graceful_shutdown(stopped).await;
            if let Err(error) = served {
                tracing::error!(%error, "the pages are no longer served");
            }
        });
        Serving { stop: Some(stop), task }
    }
}

impl Serving {
    /// Takes no new request, and waits a little for those under way. Streams end with the engine, so that is stopped
    /// first.
    pub async fn stop(mut self) {
        self.stop = None;
        if tokio::time::timeout(STOP_WITHIN, &mut self.task).await.is_err() {
            tracing::info!("some pages were still open");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop = None;
        self.task.abort();
    }
}
