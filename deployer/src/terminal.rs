//! What people read on a terminal.

use std::fmt;
use std::io::Write as _;

use ci_core::OpError;
use ci_core::event::{Event, Phase, What};
use ci_core::store::{BackupError, OpenError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Prints a line. A reader that went away is no error.
pub(crate) fn say(line: impl fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints a line to standard error.
pub(crate) fn complain(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Whether standard output may be coloured: it is a terminal, and nobody said `NO_COLOR`.
pub(crate) fn is_coloured() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::IsTerminal::is_terminal(&std::io::stdout())
}

/// Text of strangers (branch names, commit messages, error texts) made harmless for a terminal: control characters are
/// shown as escapes.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// What went wrong and what to do about it, in one line: each cause once, then the hint, if somebody has one.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut hint = None;
    for cause in error.chain() {
        let said = cause.to_string();
        if !text.contains(&said) {
            let colon = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{colon}{said}");
        }
        let its_hint = cause.downcast_ref::<OpError>().and_then(OpError::hint);
        hint = hint.or(its_hint).or_else(|| cause.downcast_ref::<OpenError>().map(OpenError::hint));
        hint = hint.or_else(|| cause.downcast_ref::<BackupError>().map(BackupError::hint));
    }
    plain(&hint.map_or(text.clone(), |hint| format!("{text} (hint: {hint})")))
}

/// Logs what the engine does, a line an event, until it stops. `flag` is what `deployer approve` must be told besides the
/// job.
pub(crate) async fn narrate(mut events: broadcast::Receiver<Event>, flag: String) {
    loop {
        match events.recv().await {
            Ok(event) => told(&event.what, &flag),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "events came faster than they could be told")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn told(what: &What, flag: &str) {
    match what {
        What::Read { source, value } => tracing::info!("{}: {}", plain(source), plain(value)),
        What::ReadFailed { source, failure } => {
            tracing::warn!("{}: {}", plain(source), plain(&failure.to_string()));
        }
        What::Drift { drift: Some(drift), job, .. } => tracing::warn!(%job, "{}", plain(&drift.to_string())),
        What::Drift { op, summary, job, drift: None } => {
            tracing::info!(%job, "{op} {}: as it should be again", plain(summary));
        }
        What::Reused { op, summary, job, failure: None } => {
            tracing::info!(%job, "{op} {}: done before", plain(summary));
        }
        What::Reused { op, summary, job, failure: Some(failure) } => {
            let failure = plain(&failure.to_string());
            tracing::warn!(%job, "{op} {}: failed before, and waits for a rebuild: {failure}", plain(summary));
        }
        What::Job { job, op, summary, phase } => {
            let summary = plain(summary);
            match phase {
                Phase::Queued => tracing::debug!(%job, "{op} {summary}: queued"),
                Phase::WaitingForConfirmation => {
                    tracing::info!(%job, "{op} {summary}: waits for confirmation: `deployer approve {job}{flag}`");
                }
                Phase::WaitingForSlot { pool } => {
                    tracing::info!(%job, "{op} {summary}: waits for a slot in {pool}")
                }
                Phase::WaitingForResource { lacks } => {
                    tracing::info!(%job, "{op} {summary}: waits for {lacks}")
                }
                Phase::Running => tracing::info!(%job, "{op} {summary}: started"),
                Phase::Resumed => tracing::info!(%job, "{op} {summary}: found again after a restart"),
                Phase::Succeeded { .. } => tracing::info!(%job, "{op} {summary}: done"),
                Phase::Failed { failure, retry_at_ms } => {
                    let failure = plain(&failure.to_string());
                    match retry_at_ms {
                        Some(_) => tracing::warn!(%job, "{op} {summary}: {failure}; it is tried again"),
                        None => tracing::error!(%job, "{op} {summary}: {failure}"),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_is_told_once_with_its_hint() {
        let cause = ci_core::OpError::infrastructure("no engine at /x")
            .with_hint("start it")
            .with_source("no engine");
        let error = anyhow::Error::new(cause).context("demo");
        assert_eq!(super::explain(&error), "demo: no engine at /x (hint: start it)");
    }

    #[test]
    fn escape_sequences_of_strangers_are_shown_not_obeyed() {
        assert_eq!(super::plain("a\x1b[2Jb\rc\u{9b}d é"), "a\\u{1b}[2Jb\\rc\\u{9b}d é");
    }
}
