//! What every test needs: a job with a log to read, a base image, a registry; all of it gone at the end.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ci_core::executor::{Limits, Work};
use ci_core::job::{Cancel, HandleSink, Log};
use ci_core::secret::Secrets;
use ci_core::{Job, JobId, OpError, OpId};
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use ci_dsl::docker::container::Containers;
use ci_dsl::docker::credentials::Credentials;
use ci_dsl::docker::image::{Image, untag};
use ci_dsl::docker::reference::{ImageId, Reference};
use futures::Stream;
use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::net::{UnixListener, UnixStream};

/// A part of a name that nobody else uses.
pub(crate) fn unique() -> String {
    format!("{:012x}", RandomState::new().hash_one(0) >> 16)
}

/// A job that keeps its notes in memory.
pub(crate) struct TestJob {
    pub(crate) job: Job,
    pub(crate) cancel: Cancel,
    notes: Arc<Notes>,
    _dir: Arc<tempfile::TempDir>,
}

#[derive(Default)]
struct Notes {
    newest: Mutex<Option<Json>>,
}

impl HandleSink for Notes {
    fn record(&self, _: &JobId, handle: Json) -> BoxFuture<'_, Result<(), OpError>> {
        *self.newest.lock().unwrap() = Some(handle);
        Box::pin(async { Ok(()) })
    }
}

impl TestJob {
    pub(crate) fn new() -> Self {
        Self::masking(Secrets::default())
    }

    /// A job that is not to tell `secrets`.
    pub(crate) fn masking(secrets: Secrets) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let nonce = RandomState::new().hash_one(0) as u32;
        let id = JobId::new(OpId::new("docker-test"), ci_core::clock::now_ms(), nonce);
        let (cancel, notes) = (Cancel::new(), Arc::new(Notes::default()));
        let log = Log::masked(dir.path().join("log"), secrets);
        let job = Job::new(id, log, cancel.clone(), notes.clone());
        Self { job, cancel, notes, _dir: dir }
    }

    /// The same job in the next process: another log writer, the notes read back.
    pub(crate) fn reborn(&self) -> Self {
        let (cancel, notes) = (Cancel::new(), self.notes.clone());
        let log = Log::masked(self.job.log().path(), self.job.log().secrets().clone());
        let job = Job::new(self.job.id().clone(), log, cancel.clone(), notes.clone());
        Self { job, cancel, notes, _dir: self._dir.clone() }
    }

    pub(crate) fn note(&self) -> Option<Json> {
        self.notes.newest.lock().unwrap().clone()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.job.log().path()).unwrap_or_default()).into_owned()
    }

    /// Waits until the log holds `text`.
    pub(crate) async fn log_holds(&self, text: &str) {
        let mut reader = self.job.log().follow(0);
        let mut seen = String::new();
        let found = async {
            while !seen.contains(text) {
                let chunk = reader.next().await.unwrap().expect("the log goes on");
                seen.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(120), found).await;
        assert!(found.is_ok(), "{text:?} never appeared in:\n{}", self.log());
    }
}

/// A tar archive with these files, all executable.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        out.extend_from_slice(&tar_header(name, bytes.len()));
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A header of the `ustar` format (POSIX.1-1988).
pub(crate) fn tar_header(name: &str, len: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{len:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

pub(crate) fn stream(bytes: Vec<u8>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let chunks: Vec<_> = bytes.chunks(64 << 10).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    futures::stream::iter(chunks)
}

/// Begins every Dockerfile here: a shell and its tools, from nothing.
pub(crate) const BASE: &str =
    "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n";

/// A context of this Dockerfile and busybox.
pub(crate) fn context(dockerfile: &str) -> Vec<u8> {
    let busybox = std::fs::read("/bin/busybox").expect("busybox-static is installed");
    tar(&[("Dockerfile", dockerfile.as_bytes()), ("busybox", &busybox)])
}

/// A name on the engine, with all it stands for, until the end of the test.
pub(crate) struct Tagged(pub(crate) Reference);

impl Tagged {
    pub(crate) fn new() -> Self {
        Self(format!("ci-test/{}", unique()).parse().unwrap())
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        let name = self.0.clone();
        last_rites(async move { untag(&Docker::local(), &name).await });
    }
}

/// Runs what a `Drop` has to wait for, on a runtime of its own: the test's may be gone or blocked.
pub(crate) fn last_rites<T>(work: impl Future<Output = Result<T, OpError>> + Send + 'static) {
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work).map(drop).map_err(|error| error.to_string())
    });
    let done = done.join();
    if !std::thread::panicking() {
        done.unwrap().unwrap();
    }
}

/// An image with a shell.
pub(crate) struct Base {
    pub(crate) image: Image,
    pub(crate) tag: Tagged,
}

pub(crate) async fn base() -> Base {
    let (job, tag) = (TestJob::new(), Tagged::new());
    // The comment makes the image one of its own: removing it takes away nobody else's.
    let dockerfile = format!("{BASE}LABEL test={}\n", tag.0);
    let options = BuildOptions::new(tag.0.clone());
    let context = stream(context(&dockerfile));
    let image =
        build(&Docker::local(), &job.job, &options, None, context, &Confided::default()).await.unwrap();
    Base { image, tag }
}

/// The executor of one test, and the containers it leaves.
pub(crate) struct TestContainers {
    pub(crate) containers: Containers,
    pub(crate) owner: String,
}

impl TestContainers {
    pub(crate) fn new() -> Self {
        let owner = format!("test-{}", unique());
        Self { containers: Containers::new(Docker::local(), &owner).unwrap(), owner }
    }

    /// Ids of the containers that are there, by the `docker` command.
    pub(crate) fn left(&self) -> Vec<String> {
        let filter = format!("label=ci.owner={}", self.owner);
        lines(Command::new("docker").args(["ps", "-aq", "--no-trunc", "--filter", &filter]))
    }
}

impl Drop for TestContainers {
    fn drop(&mut self) {
        let containers = self.containers.clone();
        last_rites(async move { containers.sweep(async { Some(Vec::new()) }).await });
    }
}

pub(crate) fn lines(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// `sh -c SCRIPT` in an image of [`base`].
pub(crate) fn sh(base: &Base, script: &str) -> Work {
    work(&base.image.id, script)
}

/// `sh -c SCRIPT` in an image.
pub(crate) fn work(image: &ImageId, script: &str) -> Work {
    Work {
        image: image.to_string(),
        command: ["sh", "-c", script].map(str::to_owned).into(),
        env: BTreeMap::new(),
        limits: Limits { timeout: Duration::from_secs(300), ..Limits::default() },
        attempt: 1,
        epoch: 1,
    }
}

/// Whether a process of this machine has `marker` in its command line. Containers' processes are among them.
pub(crate) fn runs_somewhere(marker: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        command.windows(marker.len()).any(|window| window == marker.as_bytes())
    })
}

/// Waits, for a minute at most, until `holds` does. For what has no event to wait for: the processes of others.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never seen: {what}");
}

/// For a registry that knows [`ci_user`] only.
pub(crate) const HTPASSWD: &str = "ci:$2y$05$abcdefghijklmnopqrstuuxrwyZdbNbQwu.2YyjTYsKkyICTzjM/2\n";

/// A password that is not the same in both kinds of base64.
pub(crate) fn ci_user() -> Credentials {
    Credentials { username: "ci".to_owned(), password: "pa?s>w~rd".to_owned() }
}

/// A registry on a free port of the loopback.
pub(crate) struct Registry {
    child: Child,
    pub(crate) address: String,
    dir: tempfile::TempDir,
}

impl Registry {
    /// With `htpasswd` it lets in whom that names.
    pub(crate) async fn start(htpasswd: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.yml");
        std::fs::write(&config, Self::config(dir.path(), htpasswd)).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed");
        let said = BufReader::new(child.stderr.take().expect("it is piped"));
        let (tell, told) = tokio::sync::oneshot::channel();
        // To the end, or it would wait for a reader.
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in said.lines().map_while(Result::ok) {
                let address =
                    line.split_once("msg=\"listening on ").and_then(|(_, rest)| rest.split('"').next());
                if let Some((address, tell)) = address.and_then(|address| Some((address, tell.take()?))) {
                    tell.send(address.to_owned()).ok();
                }
            }
        });
        let mut registry = Self { child, address: String::new(), dir };
        let address = tokio::time::timeout(Duration::from_secs(60), told).await;
        registry.address = address.expect("it says soon where it listens").expect("it has not ended");
        registry
    }

    /// On a port that the system chooses: another that was free a moment ago may be another test's.
    fn config(dir: &Path, htpasswd: Option<&str>) -> String {
        let storage = dir.join("storage");
        let auth = htpasswd.map_or(String::new(), |line| {
            let path = dir.join("htpasswd");
            std::fs::write(&path, line).unwrap();
            format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display())
        });
        format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  \
             addr: 127.0.0.1:0\n{auth}",
            storage.display()
        )
    }

    /// Where its content is.
    pub(crate) fn storage(&self) -> std::path::PathBuf {
        self.dir.path().join("storage")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The machine's engine behind another socket, which can be taken away.
pub(crate) struct Relay {
    socket: std::path::PathBuf,
    connections: tokio::task::JoinSet<()>,
}

impl Relay {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), connections: tokio::task::JoinSet::new() }
    }

    /// Passes on until `stop`; then cuts every connection, and leaves nobody listening.
    pub(crate) async fn until(&mut self, stop: impl Future<Output = ()>) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        let passing_on = async {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                self.connections.spawn(async move {
                    let mut far = UnixStream::connect(Docker::SOCKET).await.unwrap();
                    tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
                });
            }
        };
        tokio::select! {
            () = passing_on => {}
            () = stop => {}
        }
        self.connections.shutdown().await;
        std::fs::remove_file(&self.socket).unwrap();
    }
}
