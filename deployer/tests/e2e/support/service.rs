//! A service as its engine and its visitors see it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testbed::Engine;

use super::eventually;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often a visitor asks.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What must not change when nothing is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    /// Grows with each update, even one that changes nothing.
    pub(crate) version: u64,
    /// What it is set to: `127.0.0.1:PORT/NAME@sha256:…`.
    pub(crate) image: String,
    /// The container of its task.
    pub(crate) container: String,
    /// That container's address.
    pub(crate) address: String,
}

impl Service {
    /// The service, once it has one container.
    pub(crate) fn of(engine: &Engine, name: &str) -> Self {
        eventually(&format!("one container of {name}"), || Self::find(engine, name))
    }

    /// The service, if it has one container now. What is asked may go away while it is asked.
    pub(crate) fn find(engine: &Engine, name: &str) -> Option<Self> {
        let docker = |args: &[&str]| {
            let output = engine.command("docker").args(args).output().expect("the Docker client is there");
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success().then_some(said)
        };
        let label = format!("label=com.docker.swarm.service.name={name}");
        let running = docker(&["ps", "-q", "--no-trunc", "--filter", &label])?;
        let mut running = running.lines();
        let container = running.next().filter(|_| running.next().is_none())?.to_owned();
        let set = "{{.Version.Index}} {{.Spec.TaskTemplate.ContainerSpec.Image}}";
        let set = docker(&["service", "inspect", "--format", set, name])?;
        let (version, image) = set.split_once(' ').expect("because the format has one");
        let address = "{{.NetworkSettings.Networks.bridge.IPAddress}}";
        let address = docker(&["inspect", "--format", address, &container])?;
        Some(Self { version: version.parse().ok()?, image: image.to_owned(), container, address })
    }

    /// What its task answers at its own address.
    pub(crate) fn page(&self) -> String {
        self.answer().unwrap_or_else(|error| panic!("no answer from {}: {error}", self.address))
    }

    /// The same, if it answers.
    pub(crate) fn answer(&self) -> std::io::Result<String> {
        get(&self.address)
    }
}

fn get(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((address, 8080))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

/// Somebody who asks a task again and again, at its own address.
pub(crate) struct Visitor {
    leaves: Arc<AtomicBool>,
    visits: JoinHandle<Vec<Result<String, String>>>,
}

impl Visitor {
    /// Begins to ask.
    pub(crate) fn of(service: &Service) -> Self {
        let (leaves, address) = (Arc::new(AtomicBool::new(false)), service.address.clone());
        let left = leaves.clone();
        let visits = thread::spawn(move || {
            let mut answers = Vec::new();
            while !left.load(Ordering::Relaxed) {
                let answer = get(&address).map_err(|error| error.to_string());
                if answers.last() != Some(&answer) {
                    answers.push(answer);
                }
                thread::sleep(ASK_EVERY);
            }
            answers
        });
        Self { leaves, visits }
    }

    /// Stops asking. Every answer was `page`.
    pub(crate) fn saw_only(self, page: &str) {
        self.leaves.store(true, Ordering::Relaxed);
        assert_eq!(self.visits.join().unwrap(), [Ok(page.to_owned())]);
    }
}
