//! What a push or a pull says while it goes on, for the log.

use bollard::models::ProgressDetail;
use ci_core::Job;

use super::tail::printable;

/// Writes the steps of a transfer to a job's log: what began and what ended, not each tick in between.
pub(super) struct TransferLog<'a> {
    job: &'a Job,
    lines: usize,
}

impl<'a> TransferLog<'a> {
    /// Lines written for one transfer; a registry that says more is not repeated. An image has at most 127 layers.
    const LINES_MAX: usize = 400;

    pub(super) fn new(job: &'a Job) -> Self {
        Self { job, lines: 0 }
    }

    pub(super) fn step(&mut self, layer: Option<&str>, status: Option<&str>, ticks: Option<&ProgressDetail>) {
        let Some(status) = status.filter(|status| !is_in_between(status)) else { return };
        if ticks.is_some_and(|ticks| ticks.total.is_some()) {
            return;
        }
        self.lines += 1;
        match layer {
            _ if self.lines > Self::LINES_MAX => {}
            _ if self.lines == Self::LINES_MAX => self.job.write(b"(more is not shown)\n"),
            Some(layer) => {
                self.job.write(format!("{}: {}\n", printable(layer), printable(status)).as_bytes())
            }
            None => self.job.write(format!("{}\n", printable(status)).as_bytes()),
        }
    }
}

fn is_in_between(status: &str) -> bool {
    const STATES: [&str; 9] = [
        "Preparing",
        "Waiting",
        "Pushing",
        "Pulling fs layer",
        "Downloading",
        "Verifying Checksum",
        "Download complete",
        "Extracting",
        "Retrying in",
    ];
    STATES.iter().any(|state| status.starts_with(state))
}
