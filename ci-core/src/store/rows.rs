//! The index as sorted rows: what they are called, and the little that reading and changing them needs.
//!
//! | key | value |
//! |---|---|
//! | `m` | [`Meta`] |
//! | `j` job | [`JobRow`] |
//! | `k` op `\0` key | [`KeyRow`] |
//! | `a` op `\0` key desired | [`ApprovalRow`] |
//! | `o` op `\0` job | nothing: the jobs of an operation |
//! | `h` op `\0` key job | nothing: the jobs of a key |
//! | `to` job, `tf` job, `td` job | nothing: the jobs that are open, that failed, whose result does not count any more |
//! | `pj` sequence, `pa` sequence | key of the row that is dropped when there are too many: finished jobs that no [`KeyRow`] names, approvals |

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::record::{Intent, Outcome};
use crate::ids::{JobId, KeyDigest};

/// The index can't be read or written. It is rebuilt from the journal.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct IndexError(pub(super) String);

/// Rows that can be asked. Keys sort as bytes.
pub(super) trait Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError>;
    /// The first row at or after `from` whose key begins with `prefix`; `from` does as well.
    fn at_or_after(&self, prefix: &[u8], from: &[u8]) -> Result<Option<Row>, IndexError>;
    /// The last row before `end` whose key begins with `prefix`.
    fn before(&self, prefix: &[u8], end: &[u8]) -> Result<Option<Row>, IndexError>;
}

pub(super) type Row = (Vec<u8>, Vec<u8>);

/// What becomes of rows: a new value, or none.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Rows in memory.
pub(super) type Memory = BTreeMap<Vec<u8>, Vec<u8>>;

impl Rows for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn at_or_after(&self, prefix: &[u8], from: &[u8]) -> Result<Option<Row>, IndexError> {
        let mut rest = self.range::<[u8], _>((Bound::Included(from), Bound::Unbounded));
        Ok(rest.next().filter(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())))
    }

    fn before(&self, prefix: &[u8], end: &[u8]) -> Result<Option<Row>, IndexError> {
        let mut rest = self.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(end)));
        Ok(rest.next_back().filter(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())))
    }
}

/// A row, decoded.
pub(super) fn read<T: DeserializeOwned>(rows: &dyn Rows, key: &[u8]) -> Result<Option<T>, IndexError> {
    rows.get(key)?.map(|value| decode(key, &value)).transpose()
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, IndexError> {
    serde_json::from_slice(value)
        .map_err(|error| IndexError(format!("row {} can't be read: {error}", key.escape_ascii())))
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROW_BYTES);
    serde_json::to_writer(&mut bytes, row).expect("because rows hold only strings, numbers and JSON values");
    bytes.shrink_to_fit();
    bytes
}

/// Few rows are longer.
const ROW_BYTES: usize = 2048;

/// What is known of the whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The sequence number of the last record applied.
    pub(super) applied: u64,
    pub(super) epoch: u64,
    /// The sequence number of the record that opened it.
    pub(super) opened: u64,
    /// How many `pj` and `pa` rows there are.
    pub(super) finished: u64,
    pub(super) approvals: u64,
}

/// Something said by the record with that sequence number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said<T> {
    pub(super) by: u64,
    pub(super) what: T,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct JobRow {
    pub(super) intent: Said<Intent>,
    pub(super) handle: Option<Said<Json>>,
    pub(super) outcome: Option<Said<Outcome>>,
    /// The record for which its failure to renew a value took that value's place.
    pub(super) declined_by: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct KeyRow {
    /// The newest finished attempt, but for those that were to renew it and failed.
    pub(super) result: Option<JobId>,
    /// The newest of these.
    pub(super) renewal: Option<JobId>,
    pub(super) open: Option<JobId>,
    /// That `result` does not count any more.
    pub(super) declined: Option<Said<Declined>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Declined {
    pub(super) why: String,
    /// Unix milliseconds.
    pub(super) at_ms: u64,
    /// Until there is a newer one, its value serves.
    pub(super) serves: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ApprovalRow {
    pub(super) sequence: u64,
    /// Who, and when (Unix milliseconds).
    pub(super) by: String,
    pub(super) at_ms: u64,
}

pub(super) const META: &[u8] = b"m";
pub(super) const JOBS: &[u8] = b"j";
pub(super) const KEYS: &[u8] = b"k";
pub(super) const APPROVALS: &[u8] = b"a";
pub(super) const OPEN: &[u8] = b"to";
pub(super) const FAILED: &[u8] = b"tf";
pub(super) const DECLINED: &[u8] = b"td";
pub(super) const OPS: &[u8] = b"o";
pub(super) const OLD_JOBS: &[u8] = b"pj";
pub(super) const OLD_APPROVALS: &[u8] = b"pa";

pub(super) fn job(id: &JobId) -> Vec<u8> {
    listed(JOBS, id)
}

pub(super) fn key(op: &str, key: &KeyDigest) -> Vec<u8> {
    [KEYS, op.as_bytes(), b"\0", &key.hex()].concat()
}

pub(super) fn approval(op: &str, key: &KeyDigest, desired: &KeyDigest) -> Vec<u8> {
    [APPROVALS, op.as_bytes(), b"\0", &key.hex(), &desired.hex()].concat()
}

/// What the keys of the jobs of `op` begin with.
pub(super) fn of_op(op: &str) -> Vec<u8> {
    [OPS, op.as_bytes(), b"\0"].concat()
}

/// The operation that has the job of such a row.
pub(super) fn op_of(key: &[u8]) -> Result<&str, IndexError> {
    let op = key.strip_prefix(OPS).and_then(|rest| rest.split(|byte| *byte == 0).next());
    op.and_then(|op| std::str::from_utf8(op).ok())
        .ok_or_else(|| IndexError(format!("row {} names no operation", key.escape_ascii())))
}

/// What the keys of the jobs of a key of `op` begin with.
pub(super) fn of_key(op: &str, key: &KeyDigest) -> Vec<u8> {
    [b"h", op.as_bytes(), b"\0", &key.hex()].concat()
}

pub(super) fn listed(prefix: &[u8], id: &JobId) -> Vec<u8> {
    [prefix, id.as_str().as_bytes()].concat()
}

pub(super) fn numbered(prefix: &[u8], sequence: u64) -> Vec<u8> {
    [prefix, &sequence.to_be_bytes()].concat()
}

/// The job that a row of a list names; `prefix` is what its key begins with.
pub(super) fn listed_job(prefix: &[u8], key: &[u8]) -> Result<JobId, IndexError> {
    key.get(prefix.len()..)
        .and_then(|id| std::str::from_utf8(id).ok())
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| IndexError(format!("row {} names no job", key.escape_ascii())))
}
