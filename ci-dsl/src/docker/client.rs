//! A Docker engine, and how it is spoken to.
//!
//! Making a [`Docker`] touches nothing: the engine may start after us, and may go away and come back. The first call
//! that reaches it agrees on a version of the API; a call that does not reach it fails as *infrastructure*, and the
//! next one tries again.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bollard::API_DEFAULT_VERSION;
use bollard::errors::Error as ApiError;
use bollard::models::LocalNodeState;
use ci_core::OpError;
use tokio::sync::OnceCell;
use tracing::{Instrument as _, Span};

use super::{credentials, failure};

/// One engine. Cheap to clone.
#[derive(Clone)]
pub struct Docker {
    shared: Arc<Shared>,
}

struct Shared {
    context: String,
    host: DockerHost,
    silence_max: Duration,
    engine: OnceCell<bollard::Docker>,
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DockerHost {
    /// A socket on this machine.
    Unix(PathBuf),
    /// `host:port`, spoken to without encryption and without authentication.
    Tcp(String),
}

/// What an engine says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine's release: `20.10.24`.
    pub version: String,
    /// The newest API it speaks: `1.41`.
    pub api_version: String,
    /// As images name it: `amd64`, `arm64`.
    pub architecture: String,
    /// Whether services can be read and updated here.
    pub is_swarm_manager: bool,
}

impl Docker {
    /// Where the engine of this machine listens, unless somebody decided otherwise.
    pub const SOCKET: &str = "/var/run/docker.sock";
    /// The context's name when there is only one engine.
    pub const LOCAL: &str = "local";
    /// How long an ordinary call may take to be answered. Builds, pushes and pulls have limits of their own.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(120);
    /// How long a push or pull may stay silent before it is given up. Unpacking a large layer is silent.
    pub const SILENCE_MAX: Duration = Duration::from_secs(300);

    /// The engine of this machine, under the name [`Docker::LOCAL`].
    pub fn local() -> Self {
        Self::new(Self::LOCAL, DockerHost::Unix(Self::SOCKET.into()))
    }

    /// The engine at `host`. `context` is how pipelines, keys and people call it.
    pub fn new(context: impl Into<String>, host: DockerHost) -> Self {
        Self::patient(context, host, Self::SILENCE_MAX)
    }

    /// As [`Docker::new`], with pushes and pulls that are given up after another silence than [`Docker::SILENCE_MAX`].
    pub fn patient(context: impl Into<String>, host: DockerHost, silence_max: Duration) -> Self {
        let engine = OnceCell::new();
        Self { shared: Arc::new(Shared { context: context.into(), host, silence_max, engine }) }
    }

    pub(super) fn silence_max(&self) -> Duration {
        self.shared.silence_max
    }

    /// How pipelines, keys and people call it.
    pub fn context(&self) -> &str {
        &self.shared.context
    }

    /// Where it listens.
    pub fn host(&self) -> &DockerHost {
        &self.shared.host
    }

    /// Whether it answers.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Infrastructure`] when it does not.
    pub async fn ping(&self) -> Result<(), OpError> {
        self.call("ping", |engine| async move { engine.ping().await.map(drop) }).await
    }

    /// What it is.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Infrastructure`] when it does not answer.
    pub async fn info(&self) -> Result<EngineInfo, OpError> {
        let version = self.call("version", |engine| async move { engine.version().await }).await?;
        let info = self.call("info", |engine| async move { engine.info().await }).await?;
        let swarm = info.swarm.unwrap_or_default();
        let is_active = swarm.local_node_state == Some(LocalNodeState::ACTIVE);
        Ok(EngineInfo {
            version: version.version.unwrap_or_default(),
            api_version: version.api_version.unwrap_or_default(),
            architecture: version.arch.unwrap_or_default(),
            is_swarm_manager: is_active && swarm.control_available == Some(true),
        })
    }

    /// Makes one call. `what` says which, for failures and for the trace: `inspect image alpine`.
    pub(super) async fn call<T, F>(
        &self,
        what: impl Into<String>,
        call: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, OpError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let what = what.into();
        let answer = async { call(self.engine().await?).await }.instrument(outside(&what)).await;
        answer.map_err(|error| self.failure(&what, error))
    }

    /// The engine's API, once it was reached and the version is agreed on.
    ///
    /// Every call through it belongs inside [`outside`], and its errors through [`Docker::failure`].
    pub(super) async fn engine(&self) -> Result<bollard::Docker, ApiError> {
        let connect = || async {
            let timeout = Self::CALL_TIMEOUT.as_secs();
            let engine = match &self.shared.host {
                DockerHost::Unix(path) => {
                    bollard::Docker::connect_with_unix(&path.to_string_lossy(), timeout, API_DEFAULT_VERSION)
                }
                DockerHost::Tcp(addr) => {
                    bollard::Docker::connect_with_http(addr, timeout, API_DEFAULT_VERSION)
                }
            }?;
            engine.with_request_modifier(credentials::url_safe).negotiate_version().await
        };
        self.shared.engine.get_or_try_init(connect).await.cloned()
    }

    /// What to tell about a call that failed.
    pub(super) fn failure(&self, what: &str, error: ApiError) -> OpError {
        failure::of_call(&self.shared.host, what, error)
    }
}

/// The span in which time counts as spent by Docker, not by us.
pub(super) fn outside(what: &str) -> Span {
    tracing::info_span!(target: "ci::outside", "docker", what = %what)
}

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Docker({} at {})", self.shared.context, self.shared.host)
    }
}

/// The text says not where an engine listens.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no Docker host: expected unix:///PATH, /PATH or tcp://HOST:PORT")]
pub struct BadDockerHost(String);

impl FromStr for DockerHost {
    type Err = BadDockerHost;

    /// Reads `unix:///path`, `/path` or `tcp://host:port`, as in `DOCKER_HOST`.
    fn from_str(text: &str) -> Result<Self, BadDockerHost> {
        let bad = || BadDockerHost(text.chars().take(120).collect());
        if let Some(authority) = text.strip_prefix("tcp://") {
            let (host, port) = authority.rsplit_once(':').ok_or_else(bad)?;
            let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
            let is_sound = !host.is_empty() && host.bytes().all(is_host) && port.parse::<u16>().is_ok();
            return if is_sound { Ok(Self::Tcp(authority.to_owned())) } else { Err(bad()) };
        }
        let path = Path::new(text.strip_prefix("unix://").unwrap_or(text));
        if path.is_absolute() { Ok(Self::Unix(path.to_owned())) } else { Err(bad()) }
    }
}

impl fmt::Display for DockerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_read_back_as_they_are_written() {
        for (text, shown) in [
            ("/run/docker.sock", "unix:///run/docker.sock"),
            ("unix:///run/docker.sock", "unix:///run/docker.sock"),
            ("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
            ("tcp://[::1]:2375", "tcp://[::1]:2375"),
        ] {
            assert_eq!(text.parse::<DockerHost>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "docker.sock",
            "unix://x",
            "tcp://",
            "tcp://x",
            "tcp://:1",
            "tcp://a/b:1",
            "ssh://h",
            "https://h:1",
        ] {
            assert!(text.parse::<DockerHost>().is_err(), "{text:?}");
        }
    }
}
