//! `deployer local` shows no password to a repository that asks for one, though there is one in the user's `.netrc`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, channel};

use crate::support::{Bed, DEADLINE, Running};

/// A repository that lets nobody in, and tells what each request shows to be let in.
fn locked() -> (u16, Receiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (shown, shows) = channel();
    // It ends with the process: nothing tells it that the test is over.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if shown.send(refuse(&stream)).is_err() {
                return;
            }
        }
    });
    (port, shows)
}

/// Reads one request, and answers that a password is needed.
fn refuse(mut stream: &TcpStream) -> Option<String> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n";
    // Who hangs up has seen enough.
    let _ = stream.write_all(answer.as_bytes());
    head.into_iter().find(|line| line.to_lowercase().starts_with("authorization:"))
}

#[test]
fn local_reads_as_a_stranger() {
    let bed = Bed::plain();
    let netrc = bed.home().join(".netrc");
    fs::write(&netrc, "machine 127.0.0.1 login ada password hunter2\n").unwrap();
    fs::set_permissions(&netrc, fs::Permissions::from_mode(0o600)).unwrap();
    let (port, shows) = locked();
    let table = format!("http://127.0.0.1:{port}/site.git live team/site:live");
    let start = |args: [&str; 3]| {
        let mut command = bed.program(env!("CARGO_BIN_EXE_deployer-of-tests"), args);
        command.env("TABLE", &table);
        Running::start(command)
    };

    let ours = bed.home().join("local");
    let mut local = start(["local", "--state", ours.to_str().unwrap()]);
    local.hears(["Failed:"]);
    local.hears(["head of live in http://127.0.0.1:"]);
    local.stops();
    let seen: Vec<_> = shows.try_iter().collect();
    assert!(!seen.is_empty() && seen.iter().all(Option::is_none), "{seen:?}");

    // It is there to be shown: who is no stranger shows it.
    let run = start(["run", "--listen", "none"]);
    while shows.recv_timeout(DEADLINE).expect("it asks").is_none() {}
    run.stops();
}
