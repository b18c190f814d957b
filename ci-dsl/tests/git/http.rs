//! A loopback HTTP server in front of `git http-backend`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use ci_dsl::git::RepoUrl;
use tokio::sync::Notify;

#[derive(Default)]
struct Shared {
    root: PathBuf,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<String>>,
    stalled: Notify,
    hung_up: Notify,
    over: Mutex<bool>,
    /// Every open connection, to be cut at the end.
    open: Mutex<Vec<TcpStream>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Behaviour {
    #[default]
    Serve,
    /// Sends half of a pack, then nothing.
    StallInPack,
    /// Sends half of a pack, then hangs up.
    CutPack,
    AskForPassword,
    Fail,
}

pub(crate) struct HttpServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Serves the repositories in a directory.
    pub(crate) fn serving(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { root: root.to_owned(), ..Shared::default() });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || {
                let mut connections = Vec::new();
                for stream in listener.incoming().map_while(Result::ok) {
                    if *shared.over.lock().unwrap() {
                        break;
                    }
                    shared.open.lock().unwrap().push(stream.try_clone().unwrap());
                    let shared = shared.clone();
                    connections.push(std::thread::spawn(move || {
                        let _ = answer(&shared, stream);
                    }));
                }
                connections.into_iter().for_each(|connection| connection.join().unwrap());
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    pub(crate) fn url(&self, name: &str) -> RepoUrl {
        RepoUrl::parse(&format!("http://127.0.0.1:{}/{name}", self.port)).unwrap()
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Half a pack was sent.
    pub(crate) async fn stalled(&self) {
        self.shared.stalled.notified().await;
    }

    /// Who was sent half a pack has closed the connection.
    pub(crate) async fn hung_up(&self) {
        self.shared.hung_up.notified().await;
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        *self.shared.over.lock().unwrap() = true;
        for stream in self.shared.open.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.thread.take().unwrap().join().unwrap();
    }
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
    shared.requests.lock().unwrap().push(format!("{method} {path}"));

    let behaviour = *shared.behaviour.lock().unwrap();
    match behaviour {
        Behaviour::AskForPassword => {
            let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n";
            return write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Behaviour::Fail => {
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
    backend.stdin.take().unwrap().write_all(&body)?;
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
    if is_pack && matches!(behaviour, Behaviour::StallInPack | Behaviour::CutPack) {
        stream.write_all(&content[..content.len() / 2])?;
        if behaviour == Behaviour::StallInPack {
            shared.stalled.notify_one();
            let _ = stream.read(&mut [0]);
            shared.hung_up.notify_one();
        }
        return stream.shutdown(Shutdown::Both);
    }
    stream.write_all(content)
}
