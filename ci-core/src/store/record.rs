//! What the journal holds: the facts that must survive a crash.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::Failure;
use crate::ids::{JobId, KeyDigest};

/// One fact. Records are only ever appended; the newest about a thing wins.
///
/// Stored as JSON inside a framed, checksummed envelope that carries [`Record::VERSION`]. Fields are only ever
/// added, with `#[serde(default)]`; a variant is never given another meaning, and a new one is a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// A program opened the store. `epoch` grows by one each time, so what an earlier process says late is refused.
    Opened(Opened),
    /// An operation is about to touch the world.
    Intent(Intent),
    /// Where the running operation can be found on the outside: a container id, a service version.
    Handle(Handle),
    /// An attempt ended.
    Outcome(Outcome),
    /// A person allowed one operation to start although its level is guarded.
    Approved(Approved),
    /// A stored result does not count any more: the next request runs the operation.
    Invalidated(Invalidated),
}

impl Record {
    /// The version written today. A store with a newer one is refused, an older one is read.
    pub const VERSION: u16 = 1;

    /// Deepest nesting of a JSON value in a record. What is deeper could be written but not read again.
    pub const JSON_DEPTH_MAX: usize = 64;

    /// Reads a record of any version up to [`Record::VERSION`], or says why it can't.
    pub(super) fn decode(version: u16, payload: &[u8]) -> Result<Self, String> {
        match version {
            1 => Self::decode_tagged(payload).map_err(|error| error.to_string()),
            other => Err(format!("version {other} is not known")),
        }
    }

    /// Where the name stands first, as [`Record::encode`] writes it, what follows is read at once: serde would keep all of it
    /// until it knows the name, in half as long again.
    fn decode_tagged(payload: &[u8]) -> serde_json::Result<Self> {
        let named = |name: &str| payload.strip_prefix(b"{\"record\":\"")?.strip_prefix(name.as_bytes());
        let is = |name| named(name).is_some_and(|rest| rest.starts_with(b"\","));
        if is("intent") {
            serde_json::from_slice(payload).map(Self::Intent)
        } else if is("outcome") {
            serde_json::from_slice(payload).map(Self::Outcome)
        } else {
            serde_json::from_slice(payload)
        }
    }

    /// As it is framed, in the version of today.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("because records hold only strings, numbers and JSON values")
    }

    /// Whether some JSON value in it is nested more deeply than [`Record::JSON_DEPTH_MAX`].
    pub(super) fn is_too_deep(&self) -> bool {
        let too_deep = |value: &Json| is_deeper(value, Self::JSON_DEPTH_MAX);
        match self {
            Self::Intent(intent) => too_deep(&intent.key_fields) || too_deep(&intent.desired),
            Self::Handle(handle) => too_deep(&handle.handle),
            Self::Outcome(Outcome { result: Ok(value), .. }) => too_deep(value),
            Self::Outcome(_) | Self::Opened(_) | Self::Approved(_) | Self::Invalidated(_) => false,
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_deeper(value: &Json, levels: usize) -> bool {
    match (value, levels) {
        (Json::Array(_) | Json::Object(_), 0) => true,
        (Json::Array(items), _) => items.iter().any(|item| is_deeper(item, levels - 1)),
        (Json::Object(fields), _) => fields.values().any(|field| is_deeper(field, levels - 1)),
        _ => false,
    }
}

/// See [`Record::Opened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// 1 for the first process, then one more each time.
    pub epoch: u64,
    /// Unix milliseconds.
    pub at_ms: u64,
}

/// See [`Record::Intent`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt's id, and its log's name.
    pub job: JobId,
    /// [`crate::OpId`] as text: what is stored may name an operation that this program no longer has.
    pub op: String,
    /// Identity of the target or the question, together with `op`.
    pub key: KeyDigest,
    /// The key's fields, to tell people why it ran.
    pub key_fields: Json,
    /// For publishers: what the world is to hold under the key. `null` for builders.
    #[serde(default)]
    pub desired: Json,
    /// One line that says what it does, to people: `build image from demo@1a2b3c4d`.
    pub summary: String,
    /// 1 for the first try of this key and value, then one more each time it is retried.
    pub attempt: u32,
    /// 1 for the first job of its key, and one more than the newest known for each other. 0: written by a program that did
    /// not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub build: u64,
    /// The job whose value this one is to renew: that goes on counting if this one fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<JobId>,
    /// Of the process that wrote this.
    pub epoch: u64,
    /// Unix milliseconds; when it was asked for.
    pub queued_at_ms: u64,
    /// Unix milliseconds; when it was let run.
    pub started_at_ms: u64,
}

/// See [`Record::Handle`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handle {
    /// The attempt it belongs to.
    pub job: JobId,
    /// Whatever the operation needs to find it again.
    pub handle: Json,
}

/// See [`Record::Outcome`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The attempt that ended.
    pub job: JobId,
    /// Of the process that wrote this.
    pub epoch: u64,
    /// Unix milliseconds.
    pub finished_at_ms: u64,
    /// The operation's value, or why there is none.
    pub result: Result<Json, Failure>,
}

/// See [`Record::Approved`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    /// The operation, key and desired value that may start: approval of one value is none for the next.
    pub op: String,
    /// See [`Intent::key`].
    pub key: KeyDigest,
    /// Digest of [`Intent::desired`].
    pub desired: KeyDigest,
    /// Who allowed it.
    pub by: String,
    /// Unix milliseconds.
    pub at_ms: u64,
}

/// See [`Record::Invalidated`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invalidated {
    /// The operation.
    pub op: String,
    /// See [`Intent::key`].
    pub key: KeyDigest,
    /// Why, for people: `rebuild asked by root`.
    pub why: String,
    /// Whether its value serves until there is a newer one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serves: bool,
    /// Unix milliseconds.
    pub at_ms: u64,
}
