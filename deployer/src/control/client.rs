//! The terminal's end of the socket.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ci_core::engine::JobView;
use ci_core::logs::{Found, Hit, Query, Told};
use futures::{Stream, TryStreamExt as _};
use reqwest::{Response, StatusCode};

use crate::housekeeping::Tidied;
use crate::status::Standing;

/// Speaks to the deployer that uses a state directory.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "no deployer runs with the state directory {} ({})",
        socket.parent().unwrap_or(socket).display(),
        elsewhere(socket)
    )]
    NotRunning {
        /// Where it would listen.
        socket: PathBuf,
    },
    /// The socket belongs to somebody else.
    #[error("the deployer with the state directory {} belongs to another user", socket.parent().unwrap_or(socket).display())]
    NotYours {
        /// Where it listens.
        socket: PathBuf,
    },
    /// It said no. The message is its own.
    #[error("{0}")]
    Refused(String),
    /// Its answer ended too soon: it is being stopped.
    #[error("the deployer did not answer to the end: it may be stopping")]
    Cut,
    /// The connection broke, or made no sense.
    #[error("the deployer did not answer: {0}")]
    Broken(#[from] reqwest::Error),
}

impl Client {
    /// For the deployer with this state directory.
    ///
    /// # Errors
    ///
    /// [`ClientError::Broken`] when no client can be made.
    pub fn new(state: &Path) -> Result<Self, ClientError> {
        let socket = super::socket(state);
        let http = reqwest::Client::builder().unix_socket(socket.as_path()).no_proxy().build()?;
        Ok(Self { http, socket })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| {
            let socket = self.socket.clone();
            match error.is_connect() {
                true if is_forbidden(&error) => ClientError::NotYours { socket },
                true => ClientError::NotRunning { socket },
                false => ClientError::Broken(error),
            }
        })?;
        match response.status() {
            StatusCode::OK => Ok(response),
            _ => Err(ClientError::Refused(response.text().await?)),
        }
    }

    /// How each thing of the pipeline stands.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Vec<Standing>, ClientError> {
        Ok(self.send(self.http.get("http://deployer/status")).await?.json().await?)
    }

    /// The newest jobs.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn jobs(&self, limit: usize) -> Result<Vec<JobView>, ClientError> {
        let request = self.http.get("http://deployer/jobs").query(&[("limit", limit)]);
        Ok(self.send(request).await?.json().await?)
    }

    /// A job's log, from its beginning, following it if asked.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn log(
        &self,
        job: &str,
        follow: bool,
    ) -> Result<impl Stream<Item = Result<bytes::Bytes, ClientError>>, ClientError> {
        let query = [("job", job), ("offset", "0"), ("follow", if follow { "true" } else { "false" })];
        let request = self.http.get("http://deployer/log").query(&query);
        Ok(self.send(request).await?.bytes_stream().map_err(ClientError::from))
    }

    /// Searches the logs once, and says how far it came; `None`: `tell`, which hears of each line as it is found, broke off.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn search(
        &self,
        wanted: &Query,
        mut tell: impl FnMut(Hit) -> ControlFlow<()>,
    ) -> Result<Option<Found>, ClientError> {
        let request = self.http.get("http://deployer/logs").query(wanted);
        let mut answer = self.send(request).await?.bytes_stream();
        let mut text = Vec::new();
        while let Some(piece) = answer.try_next().await? {
            text.extend_from_slice(&piece);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                match serde_json::from_slice(&line) {
                    Ok(Told::Hit(hit)) => {
                        if tell(hit).is_break() {
                            return Ok(None);
                        }
                    }
                    Ok(Told::Found(found)) => return Ok(Some(found)),
                    Err(_) => return Err(ClientError::Cut),
                }
            }
        }
        Err(ClientError::Cut)
    }

    /// Tidies up now, or tells what would be.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn tidy(&self, dry_run: bool) -> Result<Tidied, ClientError> {
        let request = self.http.post("http://deployer/housekeeping").query(&[("dry_run", dry_run)]);
        Ok(self.send(request).await?.json().await?)
    }

    /// `approve`, `cancel`, `rebuild` or `discard` a job. The answer is for people.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn act(&self, verb: Verb, job: &str) -> Result<String, ClientError> {
        let request = self.http.post(format!("http://deployer/{}", verb.path())).query(&[("job", job)]);
        Ok(self.send(request).await?.text().await?)
    }

    /// Changes the confirmation level; `none` for none. The answer is for people.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn confirm(&self, level: &str) -> Result<String, ClientError> {
        let request = self.http.post("http://deployer/confirm").query(&[("level", level)]);
        Ok(self.send(request).await?.text().await?)
    }
}

/// Where one may run instead.
fn elsewhere(socket: &Path) -> String {
    let local = socket.parent().unwrap_or(socket).join(crate::local::FOLDER);
    match super::socket(&local).exists() {
        true => format!("for a `deployer local` that runs: --state {}", local.display()),
        false => "name another with --state".to_owned(),
    }
}

fn is_forbidden(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    let io = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::PermissionDenied)
}

/// What can be done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Let it start.
    Approve,
    /// Stop it.
    Cancel,
    /// Run it again. Its result serves meanwhile.
    Rebuild,
    /// Run it again. Its result does not serve any more.
    Discard,
}

impl Verb {
    fn path(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Cancel => "cancel",
            Self::Rebuild => "rebuild",
            Self::Discard => "discard",
        }
    }
}
