//! `deployer store …`: copies of a state directory, and whether one is whole.
//!
//! A copy holds what can't be had again: the records, the logs, whose things outside are ours, the rules that people added,
//! the port that stored references to images name. The mirrors, the images of the embedded registry and the index are
//! made anew, and so is the token of the pages: a copy lets nobody in.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use ci_core::Engine;
use ci_core::store::{self, Report, SideFile};
use clap::Subcommand;

use crate::{local, terminal};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy the state directory to another one, which must be empty or new. The deployer may run meanwhile
    Backup {
        /// Where the copy is made
        to: PathBuf,
    },
    /// Tell what the state directory holds, and what of it is damaged; exit with 0 only when nothing is. The deployer may
    /// run meanwhile
    Check {
        /// Look at this backup, or other state directory, instead
        dir: Option<PathBuf>,
    },
    /// Put a backup in place as the state directory, which must be empty or new
    Restore {
        /// The backup
        from: PathBuf,
    },
}

/// The embedded registry's, in its folder.
const PORT: SideFile = SideFile {
    path: "registry/port",
    read: |file| {
        let registry = ci_registry::Glance::at(file.parent().unwrap_or(file));
        registry.address().map(drop).map_err(io::Error::other)
    },
};
/// Keeps the state of `deployer local` what it is.
const IS_LOCAL: SideFile = SideFile { path: local::MARK, read: |_| Ok(()) };

/// Does it, and says what there is now. The exit code is a failure's when something is damaged.
pub(crate) async fn obey(command: Command, state: PathBuf) -> anyhow::Result<ExitCode> {
    let done = tokio::task::spawn_blocking(move || {
        let [owner, log_rules] = Engine::SIDE_FILES;
        let beside = [owner, log_rules, PORT, IS_LOCAL];
        match command {
            Command::Backup { to } => store::back_up(&state, &to, &beside),
            Command::Check { dir } => store::check(&dir.unwrap_or(state), &beside),
            Command::Restore { from } => store::restore(&from, &state, &beside),
        }
    });
    let report = done.await??;
    terminal::say(told(&report));
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(report: &Report) -> String {
    let Report { records, last, ended, open, approvals, logs: (logs, bytes), damage, wrong, .. } = report;
    let formats: Vec<_> = records.keys().map(u16::to_string).collect();
    let mut lines = vec![
        format!(
            "records  {}, the last has number {last}; format {}",
            records.values().sum::<u64>(),
            formats.join(", ")
        ),
        format!("jobs     {ended} ended, {open} open; {approvals} approvals"),
        format!("logs     {logs}, {bytes} bytes"),
    ];
    for damage in damage {
        let (file, from, to) = (damage.file.display(), damage.bytes.start, damage.bytes.end);
        lines.push(format!("damaged  {file}, bytes {from} to {to}: {}", damage.kind));
    }
    lines.extend(wrong.iter().map(|(file, why)| format!("damaged  {}: {why}", file.display())));
    lines.iter().map(|line| terminal::plain(line)).collect::<Vec<_>>().join("\n")
}
