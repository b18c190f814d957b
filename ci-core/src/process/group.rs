//! A process group that ends when nobody holds it any more.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

/// The group that a child leads. Dropped before it is over, it is told to end, and killed if it does not.
pub(super) struct Group {
    /// Taken only by `drop`, to hand it to the task that ends it.
    members: Option<Members>,
    grace: Duration,
    runtime: Handle,
}

impl Group {
    /// Takes charge of a child that was spawned as the leader of a new group.
    ///
    /// # Errors
    ///
    /// When we can't hear of its end. Then it is killed.
    pub(super) fn led_by(child: Child, grace: Duration) -> io::Result<Self> {
        let id = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| io::Error::other("the program has no process id"))?;
        let mut members = Members { child, id, exits: None, over: false };
        members.exits = Some(signal(SignalKind::child())?);
        Ok(Self { members: Some(members), grace, runtime: Handle::current() })
    }

    /// Waits for the leader's end, kills what it left behind, and says how it ended. Safe to cancel.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        match &mut self.members {
            Some(members) => members.ended().await,
            None => Err(io::Error::other("the group is over")),
        }
    }

    /// Asks everybody in the group to end.
    pub(super) fn terminate(&self) {
        self.members.iter().for_each(|members| members.signal(Signal::TERM));
    }

    /// Ends everybody in the group.
    pub(super) fn kill(&self) {
        self.members.iter().for_each(|members| members.signal(Signal::KILL));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut members) = self.members.take().filter(|members| !members.over) else { return };
        members.signal(Signal::TERM);
        let grace = self.grace;
        // The task owns the group: it ends with it, at the latest when its grace is over, or with the runtime.
        self.runtime.spawn(async move {
            if tokio::time::timeout(grace, members.ended()).await.is_err() {
                members.signal(Signal::KILL);
                if let Err(error) = members.ended().await {
                    tracing::warn!(%error, "the end of a killed program was not seen");
                }
            }
        });
    }
}

struct Members {
    child: Child,
    id: Pid,
    /// `None` only while it is being made.
    exits: Option<tokio::signal::unix::Signal>,
    over: bool,
}

impl Members {
    /// Must not be called once the leader was reaped: the number may then be somebody else's.
    fn signal(&self, signal: Signal) {
        if !self.over
            && let Err(error) = kill_process_group(self.id, signal)
        {
            tracing::debug!(%error, "a process group could not be signalled");
        }
    }

    async fn ended(&mut self) -> io::Result<ExitStatus> {
        // Looking does not reap: the leader's number stays taken, so that the group can be signalled safely.
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while !self.over && waitid(WaitId::Pid(self.id), exited)?.is_none() {
            match &mut self.exits {
                Some(exits) => exits.recv().await,
                None => None,
            }
            .ok_or_else(|| io::Error::other("no news of ended programs"))?;
        }
        self.signal(Signal::KILL);
        let status = self.child.try_wait()?;
        self.over = true;
        status.ok_or_else(|| io::Error::other("an ended program can't be reaped"))
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
