//! The program under test: started, heard line by line, killed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::bed::{Bed, PATIENCE, Transcript};

/// Tells the narration, and every child process and outside call when it begins and when it ends.
const TRACE: &str = "warn,ci_core=info,ci_dsl=info,ci_registry=info,deployer=info,ci::outside=info";

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The deployer: its children go on to their end, as when it crashes.
    Alone,
    /// Its children with it, as when systemd stops a unit, or memory ends.
    WithChildren,
}

/// A running `deployer run`. Dropping it kills it; its children, in groups of their own, learn nothing of that.
pub(crate) struct Deployer {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    transcript: Transcript,
}

impl Deployer {
    pub(crate) fn start(bed: &Bed) -> Self {
        let mut command = bed.deployer();
        command.arg("run").env("RUST_LOG", TRACE).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let stderr = child.stderr.take().expect("it is piped");
        let (said, lines) = channel();
        let transcript = bed.transcript.clone();
        let reader = std::thread::spawn({
            let transcript = transcript.clone();
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    transcript.push(line.clone());
                    // Nobody listens to what is said after the kill.
                    let _heard = said.send(line);
                }
            }
        });
        Self { child, lines, reader: Some(reader), transcript }
    }

    /// The next line that it says.
    ///
    /// # Panics
    ///
    /// When it says nothing for too long, or has ended.
    pub(crate) fn line(&self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => panic!("the deployer has ended by itself"),
            Err(RecvTimeoutError::Timeout) => panic!("the deployer says nothing for {PATIENCE:?}"),
        }
    }

    /// The next line, if it is said within this time.
    pub(crate) fn line_within(&self, time: Duration) -> Option<String> {
        self.lines.recv_timeout(time).ok()
    }

    /// Forgets what it has said until now.
    pub(crate) fn skip_said(&self) {
        while self.lines.try_recv().is_ok() {}
    }

    /// `kill -9`, at a line that it said.
    pub(crate) fn kill(mut self, whom: Whom, at: &str) {
        // First the deed: what is told takes time, in which the deployer would go on.
        if whom == Whom::WithChildren {
            kill_process(Pid::from_child(&self.child), Signal::STOP).expect("the deployer runs");
            for child in children(self.child.id()) {
                // One that has ended by itself meanwhile is as good.
                let _gone = kill_process_group(child, Signal::KILL);
            }
        }
        self.child.kill().expect("a child can be killed");
        self.transcript.tell(&format!("kill -9, {whom:?}, at: {}", at.trim()));
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("the deployer runs");
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "the deployer ends badly: {status}");
    }
}

impl Drop for Deployer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
        let _said = self.reader.take().map(JoinHandle::join);
    }
}

/// What a process has started: leaders of groups, all of them.
fn children(parent: u32) -> Vec<Pid> {
    let parent = parent.to_string();
    let child = |entry: fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The command's name stands in parentheses and may hold anything; state and parent follow.
        let is_child = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1) == Some(parent.as_str());
        is_child.then(|| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).flatten()
    };
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(child).collect()
}
