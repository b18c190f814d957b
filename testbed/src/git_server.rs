//! A Git server over HTTP, on a loopback port: `git http-backend` behind as much of a web server as it needs, which
//! can be told to misbehave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::Notify;

use crate::debian;

/// What a [`GitServer`] does with requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GitServing {
    /// Serves.
    #[default]
    Well,
    /// Sends half of a pack, then nothing.
    StallInPack,
    /// Sends half of a pack, then hangs up.
    CutPack,
    /// Takes requests and never answers.
    Hang,
    /// Asks for a password.
    AskForPassword,
    /// Answers with status 503.
    Fail,
}

/// Serves the repositories in a folder, in the network namespace of the thread that made it. Dropping it ends it.
#[derive(Debug)]
pub struct GitServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    root: PathBuf,
    serving: Mutex<GitServing>,
    requests: Mutex<Vec<String>>,
    stalled: Notify,
    hung_up: Notify,
    over: AtomicBool,
    /// Every open connection, to be cut at the end.
    open: Mutex<Vec<TcpStream>>,
}

impl GitServer {
    /// Serves the repositories in a folder.
    ///
    /// # Panics
    ///
    /// When git is not installed, or no port can be had.
    pub fn serving(root: &Path) -> Self {
        debian::program("git", "git");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback can be had");
        let port = listener.local_addr().expect("a listener has an address").port();
        let mut server = Self {
            port,
            shared: Arc::new(Shared { root: root.to_owned(), ..Shared::default() }),
            thread: None,
        };
        server.listen(listener);
        server
    }

    /// Where a repository in the folder is served.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// What it does with requests from now on.
    pub fn serve(&self, how: GitServing) {
        *locked(&self.shared.serving) = how;
    }

    /// `METHOD PATH` of each request so far.
    pub fn requests(&self) -> Vec<String> {
        locked(&self.shared.requests).clone()
    }

    /// Half a pack was sent.
    pub async fn stalled(&self) {
        self.shared.stalled.notified().await;
    }

    /// Who was sent half a pack has closed the connection.
    pub async fn hung_up(&self) {
        self.shared.hung_up.notified().await;
    }

    /// Cuts every connection and listens no more.
    pub fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.over.store(true, Ordering::SeqCst);
        for stream in locked(&self.shared.open).drain(..) {
            let _cut = stream.shutdown(Shutdown::Both);
        }
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
        let ended = thread.join();
        assert!(ended.is_ok() || thread::panicking(), "the Git server panicked");
    }

    /// Listens again, on the same port.
    ///
    /// # Panics
    ///
    /// When somebody else has the port now.
    pub fn start(&mut self) {
        if self.thread.is_none() {
            let listener = TcpListener::bind(("127.0.0.1", self.port));
            self.listen(listener.expect("nobody else takes a port of this namespace"));
        }
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = self.shared.clone();
        shared.over.store(false, Ordering::SeqCst);
        self.thread = Some(thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(stream) = stream.try_clone() {
                    locked(&shared.open).push(stream);
                }
                let shared = shared.clone();
                connections.push(thread::spawn(move || {
                    // Who asked has gone.
                    let _ = answer(&shared, stream);
                }));
            }
            drop(listener);
            for connection in connections {
                let _ended = connection.join();
            }
        }));
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    locked(&shared.requests).push(format!("{method} {path}"));

    let serving = *locked(&shared.serving);
    match serving {
        GitServing::Hang => {
            let _hung_up = stream.read(&mut [0])?;
            return Ok(());
        }
        GitServing::AskForPassword => {
            let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n";
            return write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
        }
        GitServing::Fail => {
            return write!(stream, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        _ => {}
    }
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", header("content-length"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = backend.stdin.take() {
        stdin.write_all(&body)?;
    }
    let output = backend.wait_with_output()?.stdout;
    let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(0);
    let (head, content) =
        (String::from_utf8_lossy(&output[..end]).into_owned(), &output[(end + 4).min(output.len())..]);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{head}\r\n\r\n",
        content.len()
    )?;
    let is_pack = content.windows(4).any(|w| w == b"PACK");
    if is_pack && matches!(serving, GitServing::StallInPack | GitServing::CutPack) {
        stream.write_all(&content[..content.len() / 2])?;
        if serving == GitServing::StallInPack {
            shared.stalled.notify_one();
            let _ = stream.read(&mut [0]);
            shared.hung_up.notify_one();
        }
        return stream.shutdown(Shutdown::Both);
    }
    stream.write_all(content)
}
