//! Names of commits and of what points to them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::repo::RepoUrl;

/// A commit's full id: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits, not all of them zero.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// The text is not a commit's full id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a commit id: expected 40 or 64 lower-case hex digits, not all of them zero")]
pub struct BadCommitId;

impl CommitId {
    /// Hex digits of [`CommitId::short`].
    pub const SHORT_LEN: usize = 8;

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first [`CommitId::SHORT_LEN`] digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..Self::SHORT_LEN]
    }

    /// The name of the hash, as Git has it.
    pub(super) fn object_format(&self) -> &'static str {
        if self.0.len() == 64 { "sha256" } else { "sha1" }
    }
}

impl FromStr for CommitId {
    type Err = BadCommitId;

    fn from_str(text: &str) -> Result<Self, BadCommitId> {
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let whole = matches!(text.len(), 40 | 64);
        if hex && whole && text.bytes().any(|b| b != b'0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadCommitId)
        }
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({})", self.short())
    }
}

impl TryFrom<String> for CommitId {
    type Error = BadCommitId;

    fn try_from(text: String) -> Result<Self, BadCommitId> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

/// The full name of a reference: `refs/heads/live`. Since it starts with `refs/`, Git never takes it for an option,
/// and since it follows Git's rules, never for a path outside, a range or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RefName(String);

/// The text is not the name of a branch or reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not the name of a branch: {why}")]
pub struct BadRefName {
    name: String,
    why: &'static str,
}

impl RefName {
    /// The longest name, bytes.
    pub const BYTES_MAX: usize = 1024;

    /// A branch by its name (`live` is `refs/heads/live`), or any reference by its full name (`refs/…`).
    ///
    /// # Errors
    ///
    /// When `git check-ref-format` refuses it, or it is longer than [`RefName::BYTES_MAX`]. As with
    /// `git check-ref-format --branch`, a branch named `HEAD` or `-…` is refused, but its full name is not.
    pub fn parse(text: &str) -> Result<Self, BadRefName> {
        let bad = |why| Err(BadRefName { name: text.chars().take(200).collect(), why });
        let full = match text {
            _ if text.starts_with("refs/") => text.to_owned(),
            "" => return bad("it is empty"),
            "HEAD" => return bad("HEAD moves between branches; name one"),
            _ if text.starts_with('-') => return bad("it starts with '-'"),
            branch => format!("refs/heads/{branch}"),
        };
        match flaw(&full) {
            Some(why) => bad(why),
            None => Ok(Self(full)),
        }
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The branch's name; for what is no branch, the full name without `refs/`.
    pub fn short(&self) -> &str {
        let rest = self.0.strip_prefix("refs/").unwrap_or(&self.0);
        rest.strip_prefix("heads/").unwrap_or(rest)
    }
}

/// What `git check-ref-format` has against a full name (git-check-ref-format(1), rules 1 to 10).
fn flaw(full: &str) -> Option<&'static str> {
    let forbidden = |c: char| matches!(c, '\0'..=' ' | '\u{7f}' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    if full.len() > RefName::BYTES_MAX {
        Some("it is too long")
    } else if full.contains(forbidden) {
        Some("it holds a space, a control character or one of ~^:?*[\\")
    } else if full.contains("..") || full.contains("@{") {
        Some("it holds '..' or '@{'")
    } else if full.ends_with('.') {
        Some("it ends with '.'")
    } else if full.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"))
    {
        Some("a part between slashes is empty, starts with '.' or ends with '.lock'")
    } else {
        None
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl FromStr for RefName {
    type Err = BadRefName;

    fn from_str(text: &str) -> Result<Self, BadRefName> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RefName {
    type Error = BadRefName;

    fn try_from(text: String) -> Result<Self, BadRefName> {
        Self::parse(&text)
    }
}

impl From<RefName> for String {
    fn from(name: RefName) -> Self {
        name.0
    }
}

/// A commit, the repository it is in, and the reference it was found by. Shown as `demo@1a2b3c4d`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Commit {
    /// Where it is.
    pub repo: RepoUrl,
    /// What pointed to it: for people, and to fetch it by. No part of its identity.
    pub reference: RefName,
    /// What it is.
    pub id: CommitId,
}

/// What makes a commit the same commit. Two branches that point to it give one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommitKey {
    /// See [`Commit::repo`].
    pub repo: RepoUrl,
    /// See [`Commit::id`].
    pub id: CommitId,
}

impl Commit {
    /// Its identity, for keys of operations.
    pub fn key(&self) -> CommitKey {
        CommitKey { repo: self.repo.clone(), id: self.id.clone() }
    }
}

impl From<&Commit> for CommitKey {
    fn from(commit: &Commit) -> Self {
        commit.key()
    }
}

impl From<&CommitKey> for CommitKey {
    fn from(commit: &CommitKey) -> Self {
        commit.clone()
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repo.name(), self.id.short())
    }
}

impl fmt::Display for CommitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repo.name(), self.id.short())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_full_lower_case_ids_are_commits() {
        let sha1 = "0123456789abcdef0123456789abcdef01234567";
        let id: CommitId = sha1.parse().unwrap();
        assert_eq!((id.short(), id.object_format()), ("01234567", "sha1"));
        assert_eq!("a".repeat(64).parse::<CommitId>().unwrap().object_format(), "sha256");
        for bad in
            ["", "HEAD", "0123456", &"0".repeat(40), &sha1.to_uppercase(), &"a".repeat(41), &"é".repeat(20)]
        {
            assert_eq!(bad.parse::<CommitId>(), Err(BadCommitId), "{bad:?}");
            assert!(serde_json::from_value::<CommitId>(bad.into()).is_err());
        }
    }

    #[test]
    fn a_short_name_is_a_branch_and_hostile_names_are_refused_or_data() {
        let name = |text| RefName::parse(text).map(|name| name.as_str().to_owned());
        assert_eq!(name("live").unwrap(), "refs/heads/live");
        assert_eq!(name("refs/tags/v1").unwrap(), "refs/tags/v1");
        assert_eq!(name("a;rm${IFS}-rf").unwrap(), "refs/heads/a;rm${IFS}-rf");
        assert_eq!(name("refs/heads/--upload-pack=x").unwrap(), "refs/heads/--upload-pack=x");
        for bad in [
            "",
            "HEAD",
            "--upload-pack=x",
            "../../x",
            "a b",
            "a..b",
            "x.lock",
            "a/.b",
            "a//b",
            "/a",
            "a/",
            "refs/",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(RefName::parse("refs/heads/a/b").unwrap().to_string(), "a/b");
        assert_eq!(RefName::parse("refs/pull/7/head").unwrap().to_string(), "pull/7/head");
    }

    #[test]
    fn a_commit_is_stored_and_shown() {
        let commit = Commit {
            repo: RepoUrl::parse("https://host/me/demo.git").unwrap(),
            reference: RefName::parse("live").unwrap(),
            id: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        };
        assert_eq!(commit.to_string(), "demo@01234567");
        let json = serde_json::to_value(&commit).unwrap();
        assert_eq!(json["reference"], "refs/heads/live");
        assert_eq!(serde_json::from_value::<Commit>(json).unwrap(), commit);
        let other = Commit { reference: RefName::parse("staging").unwrap(), ..commit.clone() };
        assert_eq!(other.key(), commit.key());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn git_agrees_on_names(name in "[a.@{}/~^:?*\\[\\\\ \u{1}\u{7f}é-]{0,3}(a|\\.lock|/|\\.|@|-|HEAD|refs/){0,3}") {
            let full = format!("refs/heads/{name}");
            let status = std::process::Command::new("git").args(["check-ref-format", &full]).status().unwrap();
            prop_assert_eq!(RefName::parse(&full).is_ok(), status.success(), "{:?}", full);
        }
    }
}
