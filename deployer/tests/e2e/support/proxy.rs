//! Somebody between the deployer and what it speaks to.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often it looks for what it does not wait for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How much is handed on at once.
const PIECE: usize = 16 << 10;
/// How long a slow one takes for that.
const SLOW_PAUSE: Duration = Duration::from_millis(30);

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// All goes through.
    Through,
    /// Nobody listens.
    Away,
    /// Each request is answered so.
    Answers(&'static str),
    /// All goes through, at most a few hundred KB a second.
    Slow,
    /// It is cut when so many bytes were sent.
    CutAfter(usize),
}

/// A relay of TCP connections. Dropping it ends it.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: String,
}

struct Shared {
    to: String,
    state: Mutex<State>,
}

struct State {
    manner: Manner,
    cuts: u32,
    over: bool,
}

impl Proxy {
    /// Relays to `to`, where this thread is.
    pub(crate) fn to(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = State { manner: Manner::Through, cuts: 0, over: false };
        let shared = Arc::new(Shared { to: to.to_owned(), state: Mutex::new(state) });
        let (relay, listens_at) = (shared.clone(), address.clone());
        thread::spawn(move || relay.listen(listener, &listens_at));
        Self { shared, address }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Connections from now on are treated so.
    pub(crate) fn is(&self, manner: Manner) {
        self.shared.with(|state| state.manner = manner);
    }

    /// How many connections were cut.
    pub(crate) fn cuts(&self) -> u32 {
        self.shared.with(|state| state.cuts)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.with(|state| state.over = true);
    }
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn listen(self: &Arc<Self>, listener: TcpListener, address: &str) {
        let mut listener = Some(listener);
        while !self.with(|state| state.over) {
            thread::sleep(LOOK_EVERY);
            if self.with(|state| state.manner) == Manner::Away {
                listener = None;
            } else if listener.is_none() {
                // Its old connections may hold the address for a moment.
                listener = TcpListener::bind(address).ok();
            }
            let Some(listener) = &listener else { continue };
            listener.set_nonblocking(true).unwrap();
            if let Ok((client, _)) = listener.accept() {
                let relay = self.clone();
                thread::spawn(move || relay.serve(client));
            }
        }
    }

    /// Whoever goes away ends the connection.
    fn serve(&self, client: TcpStream) -> Option<()> {
        client.set_nonblocking(false).ok()?;
        let manner = self.with(|state| state.manner);
        if let Manner::Answers(status) = manner {
            return answer(client, status);
        }
        let server = TcpStream::connect(&self.to).ok()?;
        let (from, to) = (server.try_clone().ok()?, client.try_clone().ok()?);
        let back = thread::spawn(move || relay(from, to, usize::MAX, Duration::ZERO));
        let limit = if let Manner::CutAfter(limit) = manner { limit } else { usize::MAX };
        let pause = if manner == Manner::Slow { SLOW_PAUSE } else { Duration::ZERO };
        if limit <= relay(client.try_clone().ok()?, server.try_clone().ok()?, limit, pause) {
            self.with(|state| state.cuts += 1);
        }
        for stream in [client, server] {
            // It may be over.
            let _ = stream.shutdown(Shutdown::Both);
        }
        back.join().ok().map(drop)
    }
}

/// Hands on what comes, up to so much, with a pause after each piece. Returns how much that was.
fn relay(mut from: TcpStream, mut to: TcpStream, limit: usize, pause: Duration) -> usize {
    let mut handed_on = 0;
    let mut bytes = [0; PIECE];
    while handed_on < limit {
        let Ok(read @ 1..) = from.read(&mut bytes) else { break };
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
        handed_on += read;
        thread::sleep(pause);
    }
    // The other end may be gone.
    let _ = to.shutdown(Shutdown::Write);
    handed_on
}

/// Reads one request's head, and answers it.
fn answer(mut client: TcpStream, status: &str) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    client.write_all(answer.as_bytes()).ok()
}
