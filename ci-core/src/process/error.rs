//! How a program can fail us.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::tail::Tail;
use crate::error::{FailureKind, OpError};

/// Why a program did not do what it was run for. Becomes an [`OpError`] where nothing better can be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// There is no such program.
    #[error("{program} is not installed")]
    NotInstalled {
        /// As it was asked for.
        program: String,
    },
    /// The directory it was to run in is missing.
    #[error("{what}: there is no directory {}", folder.display())]
    NoFolder {
        /// See [`super::Process::what`].
        what: String,
        /// The missing directory.
        folder: PathBuf,
    },
    /// The system refused to start it.
    #[error("{what} can't be started: {source}")]
    NotStarted {
        /// See [`super::Process::what`].
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended, and not with success.
    #[error("{what} failed ({status}){}", tail.in_message())]
    Failed {
        /// See [`super::Process::what`].
        what: String,
        /// Its exit code or signal.
        status: ExitStatus,
        /// The end of what it wrote to standard error, or of all it wrote if both went to a log.
        tail: Tail,
    },
    /// It wrote more than we take.
    #[error("{what} gave more than {bytes_max} bytes")]
    TooMuch {
        /// See [`super::Process::what`].
        what: String,
        /// What we would have taken.
        bytes_max: usize,
    },
    /// It was stopped since it took too long.
    #[error("{what} was stopped after {}", humane(*after))]
    Late {
        /// See [`super::Process::what`].
        what: String,
        /// The deadline it was given.
        after: Duration,
    },
    /// It was stopped since its job was.
    #[error("{0}")]
    Cancelled(OpError),
    /// Its output can't be read, or its end not seen.
    #[error("{what}: {source}")]
    Lost {
        /// See [`super::Process::what`].
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ProcessError {
    /// The end of what the program wrote to standard error, as text; empty unless it is [`ProcessError::Failed`].
    pub fn complaints(&self) -> &str {
        match self {
            Self::Failed { tail, .. } => tail.as_str(),
            _ => "",
        }
    }

    /// The exit code of a program that ended with one other than 0.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => status.code(),
            _ => None,
        }
    }
}

/// A program's own failure is [`FailureKind::Permanent`]: the same input fails again. That it was killed from
/// outside (out of memory, a restart) or could not be started is [`FailureKind::Infrastructure`].
impl From<ProcessError> for OpError {
    fn from(error: ProcessError) -> Self {
        let message = error.to_string();
        let kind = match &error {
            ProcessError::Cancelled(_) => return into_cancelled(error),
            ProcessError::NotInstalled { program } => {
                let hint = format!("install {program}, or add its folder to PATH");
                return Self::permanent(message).with_hint(hint);
            }
            ProcessError::Failed { status, .. } if killed_from_outside(*status) => {
                FailureKind::Infrastructure
            }
            ProcessError::NotStarted { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                FailureKind::Permanent
            }
            ProcessError::Failed { .. } | ProcessError::TooMuch { .. } => FailureKind::Permanent,
            ProcessError::NotStarted { .. } | ProcessError::NoFolder { .. } | ProcessError::Lost { .. } => {
                FailureKind::Infrastructure
            }
            ProcessError::Late { .. } => FailureKind::Transient,
        };
        Self::new(kind, message).with_source(error)
    }
}

fn into_cancelled(error: ProcessError) -> OpError {
    match error {
        ProcessError::Cancelled(cancelled) => cancelled,
        other => OpError::infrastructure(other.to_string()),
    }
}

fn killed_from_outside(status: ExitStatus) -> bool {
    const KILL: i32 = rustix::process::Signal::KILL.as_raw();
    const TERM: i32 = rustix::process::Signal::TERM.as_raw();
    matches!(status.signal(), Some(KILL | TERM))
}

/// `90 s` or `60 min`, as people say it.
fn humane(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds if seconds >= 120 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
