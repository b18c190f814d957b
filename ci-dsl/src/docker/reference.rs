//! Names of images.
//!
//! The grammar is that of the `distribution` project (`reference/regexp.go`), with `sha256` as the only digest.
//! Names are data from files, forges and people, and they end up in the engine's URLs and in stored records, so
//! nothing that is not of this grammar gets past [`Reference::from_str`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SHA-256 of content: `sha256:` and 64 hex digits, lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// An image's id on an engine: the digest of its configuration, which names its layers. Two engines give the same
/// image the same id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(Digest);

/// A name for an image as people write it: `alpine`, `ghcr.io/a/b:1.2`, `127.0.0.1:5000/web@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A name that can't mean another image tomorrow: `REPOSITORY@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pinned {
    repository: Repository,
    digest: Digest,
}

/// Where images are kept under many tags: `ghcr.io/a/b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    domain: Option<String>,
    path: String,
}

/// The text names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no image: {why}")]
pub struct BadReference {
    text: String,
    why: &'static str,
}

impl BadReference {
    /// How much of a bad name is repeated in the error, characters.
    const SHOWN_MAX: usize = 120;

    fn new(text: &str, why: &'static str) -> Self {
        Self { text: text.chars().take(Self::SHOWN_MAX).collect(), why }
    }
}

impl Digest {
    /// `sha256:` and 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(is_hex) => Ok(Self(text.to_owned())),
            _ => Err(BadReference::new(text, "a digest is sha256: and 64 hex digits, lower case")),
        }
    }
}

impl FromStr for ImageId {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        text.parse().map(Self)
    }
}

impl ImageId {
    /// `sha256:` and 64 hex digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Repository {
    /// The longest domain and path together, bytes.
    pub const BYTES_MAX: usize = 255;

    /// The registry that keeps it: `ghcr.io`, `127.0.0.1:5000`; `docker.io` when the name says none.
    pub fn registry(&self) -> &str {
        self.domain.as_deref().unwrap_or("docker.io")
    }

    /// The name within the registry: `a/b`.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > Self::BYTES_MAX {
            return Err("it is longer than 255 bytes");
        }
        let (domain, path) = match text.split_once('/') {
            Some((first, rest)) if names_a_host(first) => (Some(first), rest),
            _ => (None, text),
        };
        if !domain.is_none_or(is_domain) {
            return Err("its first part is no host name, with or without a port");
        }
        if !path.split('/').all(is_path_part) {
            return Err("its parts are a-z and 0-9, joined by single '.', '_', '__' or by '-'");
        }
        if domain.is_none() && path.len() == 64 && path.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("it looks like an image id");
        }
        Ok(Self { domain: domain.map(str::to_owned), path: path.to_owned() })
    }
}

/// Whether the part before the first `/` is a registry: the rule of `docker` itself.
fn names_a_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let is_address = address.parse::<std::net::Ipv6Addr>().is_ok();
            (is_address, port.strip_prefix(':').or(port.is_empty().then_some("0")))
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, "0"), |(host, port)| (host, port));
            (host.split('.').all(is_domain_part), Some(port))
        }
    };
    host && port.is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

fn is_domain_part(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('-')
        && !part.ends_with('-')
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_path_part(part: &str) -> bool {
    let is_word = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9');
    let mut separator = String::new();
    for b in part.bytes() {
        if is_word(b) {
            separator.clear();
            continue;
        }
        separator.push(char::from(b));
        let separates =
            matches!(separator.as_str(), "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
        if !separates {
            return false;
        }
    }
    separator.is_empty() && part.bytes().next().is_some_and(is_word)
}

fn is_tag(text: &str) -> bool {
    let is_first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_first)
        && text.bytes().all(|b| is_first(b) || matches!(b, b'.' | b'-'))
}

impl Reference {
    /// The repository, without tag and digest.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag that was written. Without one, and without a digest, engines take `latest`.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository by a digest.
    pub fn pinned(&self, digest: Digest) -> Pinned {
        Pinned { repository: self.repository.clone(), digest }
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |why| BadReference::new(text, why);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(|e| bad(e.why))?)),
            None => (text, None),
        };
        // A ':' after the last '/' begins the tag; one before it belongs to the host's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if !tag.is_none_or(is_tag) {
            return Err(bad(
                "a tag is up to 128 letters, digits, '_', '.' and '-', and begins with neither of the last",
            ));
        }
        let repository = Repository::parse(name).map_err(bad)?;
        Ok(Self { repository, tag: tag.map(str::to_owned), digest })
    }
}

impl Pinned {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What it is pinned to.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl FromStr for Pinned {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        match text.parse()? {
            Reference { repository, tag: None, digest: Some(digest) } => Ok(Self { repository, digest }),
            _ => Err(BadReference::new(text, "expected REPOSITORY@sha256:…, without a tag")),
        }
    }
}

impl From<Pinned> for Reference {
    fn from(pinned: Pinned) -> Self {
        Self { repository: pinned.repository, tag: None, digest: Some(pinned.digest) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Some(domain) => write!(f, "{domain}/{}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

macro_rules! stored_as_text {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = BadReference;

            fn try_from(text: String) -> Result<Self, BadReference> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    )*};
}

stored_as_text!(Digest, Reference, Pinned);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const D: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn parts_of_a_reference() {
        for (text, registry, path, tag, digest) in [
            ("alpine", "docker.io", "alpine", None, None),
            ("alpine:3.20", "docker.io", "alpine", Some("3.20"), None),
            ("library/alpine", "docker.io", "library/alpine", None, None),
            ("localhost/a", "localhost", "a", None, None),
            ("127.0.0.1:5000/a/b:T_1", "127.0.0.1:5000", "a/b", Some("T_1"), None),
            ("[::1]:5000/a", "[::1]:5000", "a", None, None),
            ("ghcr.io/a__b/c.d-e--f@D", "ghcr.io", "a__b/c.d-e--f", None, Some(D)),
            ("Host/a:x@D", "Host", "a", Some("x"), Some(D)),
            ("ci/0123456789ab", "docker.io", "ci/0123456789ab", None, None),
        ] {
            let text = text.replace('D', D);
            let reference: Reference = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.repository().registry(), registry);
            assert_eq!(reference.repository().path(), path);
            assert_eq!(reference.tag(), tag);
            assert_eq!(reference.digest().map(Digest::as_str), digest);
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in [
            "",
            ":",
            "/",
            "a/",
            "/a",
            "a//b",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "A",
            "a:",
            "a:-x",
            "a:.x",
            "a:b:c",
            "a b",
            "a\n",
            "a\0",
            "../../containers/x",
            "a/../b",
            "a?force=1",
            "a#b",
            "a%2e",
            "é",
            "a:é",
            "a@sha256:00",
            "a@md5:0123",
            "--privileged",
            "host:99999/a",
            "host:/a",
            "ho_st.io/a",
            "-h.io/a",
            "[::g]:1/a",
            "[::1]x/a",
            "http://x.io/a",
            "x.io:80x/a",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?} is refused");
        }
        assert!("a".repeat(256).parse::<Reference>().is_err());
        assert!(format!("a:{}", "t".repeat(129)).parse::<Reference>().is_err());
        assert!(format!("a@{}", D.to_uppercase()).parse::<Reference>().is_err());
        assert!(format!("a:b@{D}").parse::<Pinned>().is_err(), "a pin has no tag");
        assert!("a".parse::<Pinned>().is_err());
        let long = "é".repeat(100_000).parse::<Reference>().expect_err("no name");
        assert!(long.to_string().len() < 1000, "an error stays short");
    }

    proptest! {
        /// Whatever is accepted can stand in a URL's path as it is, and reads back as itself.
        #[test]
        fn what_is_accepted_is_harmless(text in "[a-zA-Z0-9./:@_\\[\\]%?#& -]{0,40}|\\PC{0,20}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string(), &*text);
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b"./:@_-[]".contains(&b);
                prop_assert!(text.bytes().all(allowed));
                prop_assert!(!text.split('/').any(|part| part == "." || part == ".." || part.is_empty()));
            }
        }

        #[test]
        fn what_the_grammar_makes_is_accepted(
            text in "([a-z0-9]{1,5}([.-][a-z0-9]{1,5}){1,2}(:[1-9][0-9]{0,3})?/)?[a-z0-9]{1,4}((_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,9})?(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})?"
        ) {
            prop_assert!(text.parse::<Reference>().is_ok(), "{}", text);
        }
    }
}
