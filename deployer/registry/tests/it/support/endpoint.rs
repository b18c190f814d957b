//! A registry to ask: ours in this process, or Debian's beside it.

use std::process::Stdio;

use ci_registry::{Digest, Registry};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A digest that nothing here has.
pub(crate) const UNKNOWN_DIGEST: &str =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A registry that serves an empty directory of its own.
pub(crate) struct Endpoint {
    address: String,
    client: reqwest::Client,
    server: Running,
}

enum Running {
    Ours {
        ours: Box<Ours>,
        _dir: TempDir,
    },
    Debian {
        child: Child,
        _dir: TempDir,
    },
    /// Somebody else ends it.
    Elsewhere,
}

/// Our registry, served by a task of this process.
pub(crate) struct Ours {
    pub(crate) address: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Ours {
    pub(crate) async fn serve(registry: Registry) -> Self {
        let server = registry.bind().await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self { address, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        assert_eq!(self.task.await.unwrap(), 0, "connections that would not end");
    }
}

impl Endpoint {
    pub(crate) async fn ours() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ours = Ours::serve(Registry::open(dir.path()).unwrap()).await;
        let mut endpoint = Self::at(&ours.address);
        endpoint.server = Running::Ours { ours: Box::new(ours), _dir: dir };
        endpoint
    }

    pub(crate) async fn debian() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.yml");
        let storage = dir.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("/usr/bin/docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Debian's registry is needed: apt-get install docker-registry");
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = log.next_line().await.unwrap().expect("it should say where it listens before it ends");
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(['"', ' ']).next().unwrap().to_owned();
            }
        };
        // It stops when nobody reads what it logs.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let mut endpoint = Self::at(&address);
        endpoint.server = Running::Debian { child, _dir: dir };
        endpoint
    }

    /// A registry that is served by somebody else.
    pub(crate) fn at(address: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { address: address.to_owned(), client: client.build().unwrap(), server: Running::Elsewhere }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn stop(self) {
        match self.server {
            // A client that keeps its connections would have the server wait for them.
            Running::Ours { ours, _dir } => ours.stop().await,
            Running::Debian { mut child, _dir } => child.kill().await.unwrap(),
            Running::Elsewhere => {}
        }
    }

    /// A request to a path, or to a location the registry gave.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("http://{}{path}", self.address)
        };
        self.client.request(method, url)
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> Answer {
        Answer::of(self.request(method, path)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path).await
    }

    /// Where a new upload goes on.
    pub(crate) async fn begin_upload(&self, name: &str) -> String {
        let begun = self.send(Method::POST, &format!("/v2/{name}/blobs/uploads/")).await;
        begun.expect(StatusCode::ACCEPTED);
        assert!(!begun.header("docker-upload-uuid").is_empty());
        begun.header("location").to_owned()
    }

    /// Appends to an upload, in order. Where it goes on.
    pub(crate) async fn patch(&self, location: &str, bytes: &[u8]) -> String {
        let request =
            self.request(Method::PATCH, location).header("content-type", "application/octet-stream");
        let answer = Answer::of(request.body(bytes.to_vec())).await;
        answer.expect(StatusCode::ACCEPTED).header("location").to_owned()
    }

    pub(crate) async fn finish_upload(&self, location: &str, digest: &str, bytes: &[u8]) -> Answer {
        let separator = if location.contains('?') { '&' } else { '?' };
        let request = self.request(Method::PUT, &format!("{location}{separator}digest={digest}"));
        Answer::of(request.header("content-type", "application/octet-stream").body(bytes.to_vec())).await
    }

    pub(crate) async fn push_blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let location = self.begin_upload(name).await;
        let answer = self.finish_upload(&location, &digest.to_string(), bytes).await;
        answer.expect(StatusCode::CREATED);
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        digest
    }

    pub(crate) async fn push_manifest(
        &self,
        name: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Answer {
        let request = self.request(Method::PUT, &format!("/v2/{name}/manifests/{reference}"));
        Answer::of(request.header("content-type", media_type).body(bytes.to_vec())).await
    }

    /// A manifest, asked for as clients do: with the types they know.
    pub(crate) async fn manifest(&self, method: Method, name: &str, reference: &str) -> Answer {
        let request = self.request(method, &format!("/v2/{name}/manifests/{reference}"));
        Answer::of(request.header("accept", super::MEDIA_TYPES.join(", "))).await
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The empty text if there is no such header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// An error in the form of the specification.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: StatusCode, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.json()["errors"][0]["code"], code, "{}", self.json());
        assert!(self.json()["errors"][0]["message"].is_string(), "{}", self.json());
        self
    }
}
