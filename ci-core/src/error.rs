//! Why something has no value, named by what to do next.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What the one who meets a failure does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It may work in a moment: a dropped connection, a lock held by another. Retried with back-off.
    Transient,
    /// The machinery failed, not the work: the engine is down, the disk is full. Retried with back-off.
    Infrastructure,
    /// The same input fails again: a test, a Dockerfile, a missing file. Never retried by itself.
    Permanent,
    /// Somebody stopped it.
    Cancelled,
    /// Nobody wants it any more, since a newer value took its place. Never reported as a failure.
    Superseded,
    /// It does not apply here. `all` and lists pass over it.
    Skipped,
}

impl FailureKind {
    /// Whether trying the same thing again may help.
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Transient | Self::Infrastructure)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Infrastructure => "infrastructure",
            Self::Permanent => "permanent",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Skipped => "skipped",
        })
    }
}

/// Why an operation or a read did not give a value.
///
/// `message` and `hint` are for people and may be shown to anybody who may see the pipeline; `source` is for our
/// own log only. Secrets belong in none of them.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct OpError {
    kind: FailureKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl OpError {
    /// A failure of the given kind. The message is a sentence fragment without a full stop, and says what failed
    /// and the cause: `docker build: step 3/4 failed: exit code 1`.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// [`FailureKind::Transient`].
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Transient, message)
    }

    /// [`FailureKind::Infrastructure`].
    pub fn infrastructure(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Infrastructure, message)
    }

    /// [`FailureKind::Permanent`].
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permanent, message)
    }

    /// [`FailureKind::Cancelled`].
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Cancelled, message)
    }

    /// The same failure, to be followed by something else.
    #[must_use]
    pub fn with_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// Says what the reader can do about it: `create the branch, or change the entry`.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the underlying error for our log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same failure with each text as `told`. An underlying error of which something is told otherwise is replaced
    /// by that.
    #[must_use]
    pub(crate) fn retold(self, told: impl Fn(&str) -> Cow<'_, str>) -> Self {
        let Self { kind, message, hint, source } = self;
        let (message, hint) = (told(&message).into_owned(), hint.map(|hint| told(&hint).into_owned()));
        let source = source.map(|source| match told(&format!("{source:?}")) {
            Cow::Borrowed(_) => source,
            Cow::Owned(text) => text.into(),
        });
        Self { kind, message, hint, source }
    }

    /// The same failure, told otherwise; how it was told before is its source.
    #[must_use]
    pub(crate) fn in_other_words(mut self, message: impl Into<String>) -> Self {
        let (kind, hint) = (self.kind, self.hint.take());
        Self { kind, message: message.into(), hint, source: Some(Box::new(self)) }
    }

    /// What to do next.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What failed and why, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// An [`OpError`] as it is stored and shown: without its source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// What to do next.
    pub kind: FailureKind,
    /// What failed and why.
    pub message: String,
    /// What the reader can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Failure {
    /// How many bytes of a message are kept: it is shown at every node that it blocks. The rest is for the log.
    pub const MESSAGE_MAX: usize = 8 * 1024;

    /// The same failure with each text as `told`.
    #[must_use]
    pub(crate) fn retold(self, told: impl Fn(&str) -> Cow<'_, str>) -> Self {
        let Self { kind, message, hint } = self;
        Self { kind, message: told(&message).into_owned(), hint: hint.map(|hint| told(&hint).into_owned()) }
    }
}

impl From<&OpError> for Failure {
    fn from(error: &OpError) -> Self {
        let mut message = error.message.clone();
        if Self::MESSAGE_MAX < message.len() {
            message.truncate(message.floor_char_boundary(Self::MESSAGE_MAX));
            message.push('…');
        }
        Self { kind: error.kind, message, hint: error.hint.clone() }
    }
}

/// What a panic said.
pub(crate) fn said_by(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}
