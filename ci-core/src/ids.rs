//! Names of things: operations, keys, jobs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The name of a kind of operation, such as `docker-build`. It is part of every stored result's identity and
/// of every log file's name: changing it forgets history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(&'static str);

impl OpId {
    /// Names an operation. Only `a-z`, `0-9` and `-`: the name becomes part of file names.
    ///
    /// # Panics
    ///
    /// At compile time (it is `const`) when the name is empty or holds another character.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "an operation's name is not empty");
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-'),
                "an operation's name is made of a-z, 0-9 and '-'"
            );
            at += 1;
        }
        Self(name)
    }

    /// The name itself.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// SHA-256 of a key's (or a desired value's) canonical JSON: struct fields in the order of declaration, maps
/// sorted by key. Equal keys have equal digests in every run and on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a JSON value. `serde_json::Value` sorts its objects, so equal values give equal bytes.
    pub fn of(value: &serde_json::Value) -> Self {
        Self(Sha256::digest(value.to_string().as_bytes()).into())
    }

    /// All 64 hex digits.
    pub(crate) fn hex(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).expect("because there are two digits a byte");
        digits
    }

    /// The first 12 hex digits, for people and for image tags.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({})", self.short())
    }
}

/// The text is not a SHA-256 in hex.
#[derive(Debug, thiserror::Error)]
#[error("not a key digest: expected 64 hex digits")]
pub struct BadKeyDigest;

impl FromStr for KeyDigest {
    type Err = BadKeyDigest;

    fn from_str(text: &str) -> Result<Self, BadKeyDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BadKeyDigest)?;
        Ok(Self(bytes))
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One attempt at one operation: `2026-11-20/124301250-docker-build-3f9a2c` (UTC day, time to the millisecond,
/// operation, random).
/// Sorting the text of one store's jobs sorts them by creation: when the clock was set back, a new job's time is the
/// newest one's and a millisecond more, until the clock has caught up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(Arc<str>);

/// The text does not name a job.
#[derive(Debug, thiserror::Error)]
#[error("not a job id: expected YYYY-MM-DD/HHMMSSmmm-OPERATION-XXXXXX")]
pub struct BadJobId;

impl JobId {
    /// A new id for `op` at `now_ms` (milliseconds since the Unix epoch) with a random `nonce`.
    pub fn new(op: OpId, now_ms: u64, nonce: u32) -> Self {
        let at = chrono::DateTime::from_timestamp_millis(now_ms as i64).unwrap_or_default();
        Self(format!("{}-{}-{:06x}", at.format("%Y-%m-%d/%H%M%S%3f"), op, nonce & 0xff_ffff).into())
    }

    /// The time in it, Unix milliseconds; `None` when it holds none, being made by somebody else.
    pub(crate) fn at_ms(&self) -> Option<u64> {
        // Up to and with the milliseconds: all of it is ASCII.
        let at = chrono::NaiveDateTime::parse_from_str(self.0.get(..20)?, "%Y-%m-%d/%H%M%S%3f").ok()?;
        u64::try_from(at.and_utc().timestamp_millis()).ok()
    }

    /// The whole id; its `/` makes it a path of exactly two segments.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobId {
    type Err = BadJobId;

    fn from_str(text: &str) -> Result<Self, BadJobId> {
        let segment = |s: &str| {
            !s.is_empty()
                && s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
                && s.len() <= 128
        };
        match text.split_once('/') {
            Some((day, rest)) if segment(day) && day.len() == 10 && segment(rest) => Ok(Self(text.into())),
            _ => Err(BadJobId),
        }
    }
}

impl TryFrom<String> for JobId {
    type Error = BadJobId;

    fn try_from(text: String) -> Result<Self, BadJobId> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_a_safe_path_and_sorts_by_time() {
        let op = OpId::new("docker-build");
        let first = JobId::new(op, 1_795_178_581_000, 0xff_0a2b3c);
        assert_eq!(first.as_str(), "2026-11-20/124301000-docker-build-0a2b3c");
        assert!(first < JobId::new(op, 1_795_178_581_001, 0));
        assert_eq!(JobId::new(op, 1_795_178_581_001, 0).at_ms(), Some(1_795_178_581_001));
        assert_eq!("2026-11-20/build".parse::<JobId>().unwrap().at_ms(), None);
        for bad in
            ["", "x", "2026-11-20/", "2026-11-20/../etc", "/etc/passwd", "2026-11-20/a/b", "2026-11-20/A"]
        {
            assert!(bad.parse::<JobId>().is_err(), "{bad:?} is no job id");
        }
    }

    #[test]
    fn equal_objects_have_equal_digests_whatever_their_order() {
        let a: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();
        let b: serde_json::Value = serde_json::from_str(r#"{"b":2,"a":1}"#).unwrap();
        assert_eq!(KeyDigest::of(&a), KeyDigest::of(&b));
        assert_eq!(KeyDigest::of(&a).to_string().parse::<KeyDigest>().unwrap(), KeyDigest::of(&a));
    }
}
