//! What the engine did, as it happens: the trace that tests compare, and what a terminal or a page narrates.

use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::broadcast;

use crate::error::Failure;
use crate::ids::{JobId, OpId};
use crate::secret::Secrets;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// What it was.
    pub what: What,
}

/// See [`Event`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A monitor read a value that differs from the last one. `value` is its text for people.
    Read {
        /// The monitor's label: `head of live in /srv/site`.
        source: String,
        /// The value.
        value: String,
    },
    /// A monitor could not read. If it had a value, it keeps it, unless the failure is permanent.
    ReadFailed {
        /// See [`What::Read`].
        source: String,
        /// Why.
        failure: Failure,
    },
    /// A job moved on.
    Job {
        /// Which.
        job: JobId,
        /// Its operation.
        #[serde(serialize_with = "as_text")]
        op: OpId,
        /// What it does, for people.
        summary: String,
        /// Where it is now.
        phase: Phase,
    },
    /// Somebody else changed what an operation had published, or changed it back.
    Drift {
        /// The operation.
        #[serde(serialize_with = "as_text")]
        op: OpId,
        /// What was published where.
        summary: String,
        /// The job that did.
        job: JobId,
        /// What is there instead; `None`: it is as it was published.
        drift: Option<Failure>,
    },
    /// A result was taken from the store: nothing ran.
    Reused {
        /// The operation.
        #[serde(serialize_with = "as_text")]
        op: OpId,
        /// What was asked.
        summary: String,
        /// The job that made the result.
        job: JobId,
        /// What it failed with, if it did: nothing is tried again before somebody asks for it.
        failure: Option<Failure>,
    },
}

fn as_text<S: serde::Serializer>(op: &OpId, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(op.as_str())
}

/// Where a job is in its life.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// Asked for.
    Queued,
    /// Its level is guarded: a person must approve it, or lower the guard.
    WaitingForConfirmation,
    /// All slots of its pool are taken.
    WaitingForSlot {
        /// The pool.
        pool: String,
    },
    /// It has its slot, and needs more than that.
    WaitingForResource {
        /// What there is, and what it takes: `disk: 3.1 of 10.0 GB`.
        lacks: String,
    },
    /// Let run, its intent durable.
    Running,
    /// Found again, after a crash or a failure that left its end unknown, and followed to its end.
    Resumed,
    /// It has its value, and that is durable.
    Succeeded {
        /// The value.
        value: serde_json::Value,
    },
    /// It failed, and that is durable; except for a job that never ran, and for one that is [resumed](Self::Resumed)
    /// because how it ended is not known.
    Failed {
        /// Why.
        failure: Failure,
        /// When it is tried again, Unix milliseconds; `None`: not by itself.
        retry_at_ms: Option<u64>,
    },
}

/// Where events go. Readers that lag by more than [`Events::BACKLOG_MAX`] lose the oldest and are told so.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    secrets: Secrets,
}

impl Events {
    /// How many events a reader may lag behind.
    pub const BACKLOG_MAX: usize = 4096;

    /// Nobody listens yet. No text of theirs tells one of `secrets`.
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { sender: broadcast::Sender::new(Self::BACKLOG_MAX), secrets }
    }

    /// What everything that is told, in whatever way, has to be without.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(crate) fn emit(&self, what: What) {
        let what = if self.secrets.count() == 0 { what } else { masked(what, &self.secrets) };
        tracing::debug!(target: "ci::event", ?what);
        // No reader is no error.
        let _ = self.sender.send(Event { at_ms: crate::clock::now_ms(), what });
    }

    pub(crate) fn told(&self, value: Json) -> Json {
        if self.secrets.count() == 0 { value } else { masked_json(value, &self.secrets) }
    }

    /// Everything that happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}

/// The same news without secrets. Names of jobs and operations are ours, and stay.
fn masked(what: What, secrets: &Secrets) -> What {
    let text = |text: String| secrets.text(&text).into_owned();
    match what {
        What::Read { source, value } => What::Read { source: text(source), value: text(value) },
        What::ReadFailed { source, failure } => {
            What::ReadFailed { source: text(source), failure: secrets.failure(failure) }
        }
        What::Job { job, op, summary, phase } => {
            let phase = match phase {
                Phase::Succeeded { value } => Phase::Succeeded { value: masked_json(value, secrets) },
                Phase::Failed { failure, retry_at_ms } => {
                    Phase::Failed { failure: secrets.failure(failure), retry_at_ms }
                }
                phase => phase,
            };
            What::Job { job, op, summary: text(summary), phase }
        }
        What::Drift { op, summary, job, drift } => {
            What::Drift { op, summary: text(summary), job, drift: drift.map(|drift| secrets.failure(drift)) }
        }
        What::Reused { op, summary, job, failure } => What::Reused {
            op,
            summary: text(summary),
            job,
            failure: failure.map(|failure| secrets.failure(failure)),
        },
    }
}

/// In each text of a value, not across them.
fn masked_json(value: Json, secrets: &Secrets) -> Json {
    match value {
        Json::String(text) => Json::String(secrets.text(&text).into_owned()),
        Json::Array(items) => items.into_iter().map(|item| masked_json(item, secrets)).collect(),
        Json::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (secrets.text(&name).into_owned(), masked_json(value, secrets)))
                .collect()
        }
        value => value,
    }
}
