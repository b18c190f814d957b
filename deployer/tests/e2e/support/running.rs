//! A program that goes on, and what it says meanwhile.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::DEADLINE;

/// A running program. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    said: Arc<Said>,
    /// How many lines were heard.
    heard: usize,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    lines: Vec<Vec<u8>>,
    /// How many of the two streams have ended.
    ended: usize,
}

impl Running {
    /// Starts it, and reads what it prints, both streams as one.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Said::default());
        let readers = vec![
            said.read(child.stdout.take().expect("because it is piped")),
            said.read(child.stderr.take().expect("because it is piped")),
        ];
        Self { child, said, heard: 0, readers }
    }

    /// Waits for the next line that holds all of `texts`, and returns it. Lines before it were heard, too.
    pub(crate) fn hears<const N: usize>(&mut self, texts: [&str; N]) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut said = self.said.lines();
        loop {
            while let Some(line) = said.lines.get(self.heard) {
                self.heard += 1;
                let line = String::from_utf8_lossy(line).into_owned();
                if texts.iter().all(|text| line.contains(text)) {
                    return line;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if said.ended == 2 || left.is_zero() {
                let all = said.lines.concat();
                panic!("{texts:?} was never said, but:\n{}", String::from_utf8_lossy(&all));
            }
            said = self.said.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What it has said until now is not heard any more.
    pub(crate) fn skips_what_it_said(&mut self) {
        self.heard = self.said.lines().lines.len();
    }

    /// Waits until the table's service runs what was asked for.
    pub(crate) fn hears_it_is_live(&mut self) {
        self.hears(["docker-service demo-site on local", ": done job="]);
    }

    /// Everything that it has said, byte for byte.
    pub(crate) fn said(&self) -> Vec<u8> {
        self.said.lines().lines.concat()
    }

    /// Its process's id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for its end.
    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + DEADLINE;
        let mut said = self.said.lines();
        while said.ended < 2 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let all = said.lines.concat();
                panic!("it did not end, but said:\n{}", String::from_utf8_lossy(&all));
            }
            said = self.said.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let all = String::from_utf8_lossy(&said.lines.concat()).into_owned();
        drop(said);
        (self.child.wait().unwrap(), all)
    }

    /// Ends it as systemd does, and expects that it ends well.
    pub(crate) fn stops(self) -> String {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let (status, said) = self.ends();
        assert!(status.success(), "after SIGTERM it ended with {status}, and had said:\n{said}");
        said
    }
}

impl Said {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(self: &Arc<Self>, from: impl Read + Send + 'static) -> JoinHandle<()> {
        let said = self.clone();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|read| 0 < read) {
                said.lines().lines.push(std::mem::take(&mut line));
                said.more.notify_all();
            }
            said.lines().ended += 1;
            said.more.notify_all();
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}
