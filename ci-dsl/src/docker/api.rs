//! Docker's HTTP API as raw JSON.
//!
//! For what must be written back as it was read: a typed model drops the fields it does not know (the one we use for
//! the rest loses a service's health check between reading and writing). Values go through here untouched.

use std::error::Error as StdError;
use std::time::Duration;

use ci_core::OpError;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use reqwest::{Client, Method, Response, StatusCode, Upgraded, Url};
use serde_json::Value;
use tokio::sync::OnceCell;
use tracing::Instrument as _;

use super::failure;

/// The API version spoken when the engine speaks it: the oldest that has all we ask for (Engine 20.10).
const VERSION_SPOKEN: (u32, u32) = (1, 41);

/// How long one call may take, from connecting to the last byte of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of one answer that are read. Ten thousand tasks are about 20 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long a streamed answer may stay silent before it is given up. Unpacking a large layer is silent.
const STREAM_SILENCE_MAX: Duration = Duration::from_secs(300);

/// A Docker engine. Making one does no I/O; the version is settled by the first call.
#[derive(Debug)]
pub struct Api {
    http: Client,
    base: Url,
    place: String,
    version: OnceCell<String>,
}

/// Credentials that an engine pulls with. Neither `Debug` nor an error shows them.
#[derive(Clone, Debug)]
pub struct RegistryAuth(HeaderValue);

impl RegistryAuth {
    /// From a value for `X-Registry-Auth`: URL-safe base64 of JSON (`{"username":…,"password":…}`).
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Permanent`] when it can't be a header's value.
    pub fn encoded(text: &str) -> Result<Self, OpError> {
        let mut value = HeaderValue::from_str(text)
            .map_err(|_| OpError::permanent("registry credentials that are not base64"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// Why a call has no answer, named by what the caller does about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody listens, or the connection broke. What a write did is unknown.
    #[error("can't reach the Docker engine at {place}: {cause}")]
    EngineDown {
        /// Its address.
        place: String,
        /// The innermost cause.
        cause: String,
    },
    /// No answer within the time allowed. What a write did is unknown.
    #[error("the Docker engine at {place} did not answer in time")]
    NoAnswer {
        /// Its address.
        place: String,
    },
    /// There is no such object.
    #[error("{0}")]
    NotFound(String),
    /// The object is in a state that forbids it, or the name is taken.
    #[error("{0}")]
    Conflict(String),
    /// The service was changed since its version was read. Engines say this with status 500 and a text.
    #[error("the service was changed since it was read")]
    OutOfSequence,
    /// The engine is no manager of a Swarm.
    #[error("the Docker engine is not a Swarm manager")]
    NotManager,
    /// Any other refusal.
    #[error("the Docker engine refused ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the engine said.
        message: String,
    },
    /// An answer that is not what the API promises.
    #[error("the Docker engine gave an answer that can't be read: {0}")]
    BadAnswer(String),
}

impl From<ApiError> for OpError {
    fn from(error: ApiError) -> Self {
        let message = error.to_string();
        match error {
            ApiError::EngineDown { .. } => Self::infrastructure(message).with_hint(failure::START),
            ApiError::NotManager => Self::infrastructure(message)
                .with_hint("run `docker swarm init` there, or name a context that is a manager"),
            ApiError::NotFound(_) | ApiError::Conflict(_) => Self::permanent(message),
            ApiError::OutOfSequence => Self::transient(message),
            ApiError::Refused { status, .. } if status < 500 => Self::permanent(message),
            ApiError::NoAnswer { .. } | ApiError::Refused { .. } | ApiError::BadAnswer(_) => {
                Self::infrastructure(message)
            }
        }
    }
}

/// Names and values of a query, not yet encoded.
pub type Query<'a> = &'a [(&'a str, &'a str)];

impl Api {
    /// The engine at an address as in `DOCKER_HOST`: `unix:///path` or `tcp://host:port` (without TLS).
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Permanent`] when it is no such address.
    pub fn at(host: &str) -> Result<Self, OpError> {
        let bad = || {
            OpError::permanent(format!("not the address of a Docker engine: {host:?}"))
                .with_hint("write unix:///path/to/docker.sock or tcp://host:port")
        };
        let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let (builder, base) = if let Some(path) = host.strip_prefix("unix://") {
            (builder.unix_socket(std::path::Path::new(path)), "http://docker".to_owned())
        } else if let Some(address) = host.strip_prefix("tcp://") {
            (builder, format!("http://{address}"))
        } else {
            return Err(bad());
        };
        let base = Url::parse(&base).map_err(|e| bad().with_source(e))?;
        let http = builder.build().map_err(|e| bad().with_source(e))?;
        Ok(Self { http, base, place: host.to_owned(), version: OnceCell::new() })
    }

    /// Reads.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]. Safe to repeat.
    pub async fn get(&self, path: &str, query: Query<'_>) -> Result<Value, ApiError> {
        self.call(Method::GET, path, query, None, None).await
    }

    /// Writes. `auth` is a value for `X-Registry-Auth`, for calls that make an engine pull.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]. After [`ApiError::EngineDown`] and [`ApiError::NoAnswer`] read back before repeating it.
    pub async fn post(
        &self,
        path: &str,
        query: Query<'_>,
        body: Option<&Value>,
        auth: Option<&RegistryAuth>,
    ) -> Result<Value, ApiError> {
        self.call(Method::POST, path, query, body, auth).await
    }

    /// Removes.
    ///
    /// # Errors
    ///
    /// See [`Api::post`].
    pub async fn delete(&self, path: &str, query: Query<'_>) -> Result<Value, ApiError> {
        self.call(Method::DELETE, path, query, None, None).await
    }

    /// Posts, and hands on the answer's JSON lines (progress of a pull) as they come.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]. A failure that the engine tells inside the stream is a line, not an error.
    pub async fn post_lines(
        &self,
        path: &str,
        query: Query<'_>,
        auth: Option<&RegistryAuth>,
        mut line: impl FnMut(Value),
    ) -> Result<(), ApiError> {
        let work = async {
            let sent = self.send(Method::POST, path, query, None, auth);
            let answer = self.in_time(STREAM_SILENCE_MAX, sent).await?;
            let mut chunks = Self::chunks(answer);
            let mut rest = Vec::new();
            while let Some(chunk) =
                self.in_time(STREAM_SILENCE_MAX, async { Ok(chunks.next().await) }).await?
            {
                rest.extend_from_slice(&chunk.map_err(|e| self.broken(&e))?);
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let text: Vec<u8> = rest.drain(..=end).collect();
                    if let Ok(value) = serde_json::from_slice(&text) {
                        line(value);
                    }
                }
                if rest.len() > ANSWER_BYTES_MAX {
                    return Err(ApiError::BadAnswer("a line without end".to_owned()));
                }
            }
            Ok(())
        };
        work.instrument(Self::span(&Method::POST, path)).await
    }

    /// What a stream gives within `deadline`, at most `bytes_max` of it. What has come by then is the answer, so a
    /// stream that never ends (the log of a task whose node is down) is no error.
    ///
    /// # Errors
    ///
    /// See [`ApiError`], when not even the answer's head came.
    pub async fn get_bytes(
        &self,
        path: &str,
        query: Query<'_>,
        deadline: Duration,
        bytes_max: usize,
    ) -> Result<Vec<u8>, ApiError> {
        let mut bytes = Vec::new();
        let mut answered = false;
        let read = async {
            let mut chunks = Self::chunks(self.send(Method::GET, path, query, None, None).await?);
            answered = true;
            while let Some(chunk) = chunks.next().await {
                bytes.extend_from_slice(&chunk.map_err(|e| self.broken(&e))?);
                if bytes.len() >= bytes_max {
                    break;
                }
            }
            Ok(())
        };
        let outcome = self.in_time(deadline, read).instrument(Self::span(&Method::GET, path)).await;
        bytes.truncate(bytes_max);
        match outcome {
            Err(error) if !answered => Err(error),
            _ => Ok(bytes),
        }
    }

    /// Waits for a stream to give a JSON line that is `wanted`. Tells whether it came, before the stream ended and
    /// within `deadline`.
    ///
    /// # Errors
    ///
    /// See [`ApiError`], when the stream never began or broke.
    pub async fn get_line(
        &self,
        path: &str,
        query: Query<'_>,
        deadline: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<bool, ApiError> {
        let read = async {
            let mut chunks = Self::chunks(self.send(Method::GET, path, query, None, None).await?);
            let mut rest = Vec::new();
            while let Some(chunk) = chunks.next().await {
                rest.extend_from_slice(&chunk.map_err(|e| self.broken(&e))?);
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let text: Vec<u8> = rest.drain(..=end).collect();
                    if serde_json::from_slice(&text).is_ok_and(|line| wanted(&line)) {
                        return Ok(true);
                    }
                }
                if rest.len() > ANSWER_BYTES_MAX {
                    return Err(ApiError::BadAnswer("a line without end".to_owned()));
                }
            }
            Ok(false)
        };
        tokio::time::timeout(deadline, read).await.unwrap_or(Ok(false))
    }

    /// A connection on which both ends speak `protocol` from then on.
    pub(super) async fn upgraded(
        &self,
        path: &str,
        protocol: &'static str,
        mut headers: HeaderMap,
    ) -> Result<Upgraded, ApiError> {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(protocol));
        let mut url = self.base.clone();
        url.set_path(path);
        let work = async {
            let answer = self.http.post(url).headers(headers).send().await.map_err(|e| self.broken(&e))?;
            match answer.status() {
                StatusCode::SWITCHING_PROTOCOLS => answer.upgrade().await.map_err(|e| self.broken(&e)),
                _ => Err(self.refused(answer).await),
            }
        };
        self.in_time(CALL_TIMEOUT, work).instrument(Self::span(&Method::POST, path)).await
    }

    /// The engine's address as its command line takes it, where it is not this machine's: `-H tcp://host:port `.
    pub fn as_flag(&self) -> String {
        if self.place.starts_with("unix://") { String::new() } else { format!("-H {} ", self.place) }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&Value>,
        auth: Option<&RegistryAuth>,
    ) -> Result<Value, ApiError> {
        let span = Self::span(&method, path);
        let work = async {
            let answer = self.send(method, path, query, body, auth).await?;
            parsed(&self.body(answer).await?)
        };
        self.in_time(CALL_TIMEOUT, work).instrument(span).await
    }

    /// Sends, and turns refusals into errors.
    async fn send(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&Value>,
        auth: Option<&RegistryAuth>,
    ) -> Result<Response, ApiError> {
        let version = self.version.get_or_try_init(|| self.negotiate()).await?;
        let answer = self.request(method, &format!("/v{version}{path}"), query, body, auth).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    /// What an answer says that is none.
    async fn refused(&self, answer: Response) -> ApiError {
        let status = answer.status();
        let body = match self.body(answer).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        let message = match parsed(&body) {
            Ok(Value::Object(said)) if said.get("message").is_some_and(Value::is_string) => {
                said["message"].as_str().unwrap_or_default().to_owned()
            }
            _ => "it did not say why".to_owned(),
        };
        refusal(status, message)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&Value>,
        auth: Option<&RegistryAuth>,
    ) -> Result<Response, ApiError> {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url);
        if let Some(auth) = auth {
            request = request.headers(HeaderMap::from_iter([(
                reqwest::header::HeaderName::from_static("x-registry-auth"),
                auth.0.clone(),
            )]));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.map_err(|e| self.broken(&e))
    }

    /// The version to speak: ours if the engine has it, else the nearest that it has.
    async fn negotiate(&self) -> Result<String, ApiError> {
        let answer = self.request(Method::GET, "/version", &[], None, None).await?;
        let said = parsed(&self.body(answer).await?)?;
        let read = |field: &str| version(said[field].as_str()?);
        let newest = read("ApiVersion")
            .ok_or_else(|| ApiError::BadAnswer("/version names no API version".to_owned()))?;
        let (major, minor) = VERSION_SPOKEN.max(read("MinAPIVersion").unwrap_or(newest)).min(newest);
        Ok(format!("{major}.{minor}"))
    }

    async fn body(&self, answer: Response) -> Result<Vec<u8>, ApiError> {
        let mut chunks = Self::chunks(answer);
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(|e| self.broken(&e))?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(ApiError::BadAnswer(format!("more than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        Ok(body)
    }

    fn chunks(answer: Response) -> impl Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin {
        answer.bytes_stream().into_stream()
    }

    async fn in_time<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(ApiError::NoAnswer { place: self.place.clone() }))
    }

    /// A failure of the connection, told by its innermost cause: the outer ones repeat the URL.
    fn broken(&self, error: &reqwest::Error) -> ApiError {
        let mut cause: &dyn StdError = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        ApiError::EngineDown { place: self.place.clone(), cause: cause.to_string() }
    }

    fn span(method: &Method, path: &str) -> tracing::Span {
        tracing::info_span!(target: "ci::outside", "docker", what = %format_args!("{method} {path}"))
    }
}

fn parsed(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|e| ApiError::BadAnswer(e.to_string()))
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn refusal(status: StatusCode, message: String) -> ApiError {
    if message.contains("update out of sequence") {
        return ApiError::OutOfSequence;
    }
    match status {
        StatusCode::NOT_FOUND => ApiError::NotFound(message),
        StatusCode::CONFLICT => ApiError::Conflict(message),
        StatusCode::SERVICE_UNAVAILABLE if message.contains("not a swarm manager") => ApiError::NotManager,
        _ => ApiError::Refused { status: status.as_u16(), message },
    }
}

#[cfg(test)]
mod tests {
    use ci_core::FailureKind;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// An engine that answers each request with the next of these (status, body); then the paths it was asked for.
    async fn engine(answers: Vec<(u16, String)>) -> (Api, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    stream.read_buf(&mut request).await.unwrap();
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                asked.push(request.split(' ').nth(1).unwrap().to_owned());
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        (Api::at(&format!("tcp://{address}")).unwrap(), asked)
    }

    fn versions(newest: &str, oldest: &str) -> (u16, String) {
        (200, format!(r#"{{"ApiVersion":"{newest}","MinAPIVersion":"{oldest}"}}"#))
    }

    #[tokio::test]
    async fn the_nearest_version_that_the_engine_speaks_is_settled_once() {
        for (newest, oldest, spoken) in
            [("1.41", "1.12", "1.41"), ("1.53", "1.44", "1.44"), ("1.39", "1.12", "1.39")]
        {
            let answer = (200, "[]".to_owned());
            let (api, asked) = engine(vec![versions(newest, oldest), answer.clone(), answer]).await;
            api.get("/tasks", &[("filters", "{\"service\":[\"a&b\"]}")]).await.unwrap();
            api.get("/tasks", &[]).await.unwrap();
            let filters = "filters=%7B%22service%22%3A%5B%22a%26b%22%5D%7D";
            let expected =
                ["/version".to_owned(), format!("/v{spoken}/tasks?{filters}"), format!("/v{spoken}/tasks")];
            assert_eq!(asked.await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn refusals_say_what_to_do_next() {
        let said = |text: &str| format!(r#"{{"message":"{text}"}}"#);
        for (status, body, kind, message) in [
            (404, said("service x not found"), FailureKind::Permanent, "service x not found"),
            (409, said("name is taken"), FailureKind::Permanent, "name is taken"),
            (400, said("bad spec"), FailureKind::Permanent, "the Docker engine refused (400): bad spec"),
            (
                500,
                said("rpc error: desc = update out of sequence"),
                FailureKind::Transient,
                "the service was changed since it was read",
            ),
            (
                500,
                said("disk full"),
                FailureKind::Infrastructure,
                "the Docker engine refused (500): disk full",
            ),
            (
                503,
                said("This node is not a swarm manager. Use"),
                FailureKind::Infrastructure,
                "the Docker engine is not a Swarm manager",
            ),
            (
                503,
                said("no leader"),
                FailureKind::Infrastructure,
                "the Docker engine refused (503): no leader",
            ),
            (
                502,
                "<html>".to_owned(),
                FailureKind::Infrastructure,
                "the Docker engine refused (502): it did not say why",
            ),
            (
                500,
                r#"{"message":3}"#.to_owned(),
                FailureKind::Infrastructure,
                "the Docker engine refused (500): it did not say why",
            ),
        ] {
            let (api, _asked) = engine(vec![versions("1.41", "1.12"), (status, body)]).await;
            let error = OpError::from(api.get("/services/x", &[]).await.unwrap_err());
            assert_eq!((error.kind(), error.message()), (kind, message));
        }
        let (api, _asked) = engine(vec![versions("1.41", "1.12"), (200, "<html>".to_owned())]).await;
        assert!(matches!(api.get("/info", &[]).await, Err(ApiError::BadAnswer(_))));
        let (api, _asked) = engine(vec![(200, r#"{"ApiVersion":"new"}"#.to_owned())]).await;
        assert!(matches!(api.get("/info", &[]).await, Err(ApiError::BadAnswer(_))));
    }

    #[test]
    fn credentials_are_not_shown() {
        let shown = format!("{:?}", RegistryAuth::encoded("c2VjcmV0").unwrap());
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
        assert!(!RegistryAuth::encoded("c2Vj\ncmV0").unwrap_err().to_string().contains("c2Vj"));
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_may_come_back() {
        let error = OpError::from(
            Api::at("unix:///nowhere/docker.sock").unwrap().get("/info", &[]).await.unwrap_err(),
        );
        assert_eq!(error.kind(), FailureKind::Infrastructure);
        assert!(
            error
                .message()
                .starts_with("can't reach the Docker engine at unix:///nowhere/docker.sock: No such file"),
            "{error}"
        );
        assert_eq!(Api::at("ssh://host").unwrap_err().kind(), FailureKind::Permanent);
    }
}
