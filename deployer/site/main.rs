//! The demo's web service: it answers every request with its page, says when it is healthy, and stops when told.
//!
//! Only the standard library, so that a build script can make one static program of it; `FROM scratch` needs no more.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const PAGE: &str = "/page.html";
const PORT: u16 = 8080;
/// A client that says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest page that is served, bytes.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Stopping when told: process 1 of a container has no default for SIGTERM, and would be killed after 10 s instead.
mod stop {
    const SIGTERM: i32 = 15;

    unsafe extern "C" {
        fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
        fn _exit(code: i32) -> !;
    }

    extern "C" fn now(_: i32) {
        // SAFETY: `_exit` is safe to call in a signal handler, and takes any code.
        unsafe { _exit(0) }
    }

    pub(crate) fn when_told() {
        // SAFETY: the handler has the type that `signal` expects, and lives as long as the program.
        unsafe { signal(SIGTERM, now) };
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("check") => std::process::exit(i32::from(!healthy())),
        _ => serve(),
    }
}

/// The container's health check: the service answers, and its page is there.
fn healthy() -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", PORT)) else { return false };
    let asked = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(b"GET / HTTP/1.0\r\n\r\n"));
    let mut answer = String::new();
    asked.and_then(|()| stream.take(PAGE_BYTES_MAX).read_to_string(&mut answer)).is_ok()
        && answer.starts_with("HTTP/1.0 200 ")
}

fn serve() {
    stop::when_told();
    let listener = TcpListener::bind(("0.0.0.0", PORT)).expect("the port is free in a container of our own");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            // A client that went away is its own affair.
            let _ = answer(stream);
        });
    }
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?.take(16 << 10)).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let page = std::fs::File::open(PAGE).and_then(|file| {
        let mut page = Vec::new();
        file.take(PAGE_BYTES_MAX).read_to_end(&mut page).map(|_| page)
    });
    let (status, page) = match page {
        Ok(page) => ("200 OK", page),
        Err(error) => ("500 Internal Server Error", error.to_string().into_bytes()),
    };
    let mut stream = stream;
    write!(stream, "HTTP/1.0 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n", page.len())?;
    stream.write_all(&page)
}
