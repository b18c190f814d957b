//! Repository names and tags, by the grammar of the distribution specification.
//!
//! Both become paths below the registry's directory: what passes here contains no `..`, no empty component, and no
//! component that begins with `_`, which is what the storage begins its own names with.

use std::fmt;
use std::str::FromStr;

/// The name of a repository: `component("/"component)*`, at most [`Name::LEN_MAX`] bytes.
///
/// A component is lower-case letters and digits, parted by one `.`, one or two `_`, or any number of `-`. Source:
/// `<name>` in the OCI distribution specification, with the length bound of Docker's `reference` package.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// What should name a repository does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a repository name: lower-case letters and digits, parted by single '.', '_', '__' or any '-', in components parted by '/', at most 255 bytes"
)]
pub struct BadName;

impl Name {
    /// The longest name, bytes.
    pub const LEN_MAX: usize = 255;

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.len() <= Self::LEN_MAX && text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName)
        }
    }
}

/// Alternating words and separators, a word at either end.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let known = |c: char| is_word(c) || matches!(c, '.' | '_' | '-');
    // Splitting at word characters leaves the separators, with empty texts between neighbouring letters.
    let separated = |text: &str| {
        text.split(is_word).all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-')
        })
    };
    text.starts_with(is_word) && text.ends_with(is_word) && text.chars().all(known) && separated(text)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tag: a letter, digit or `_`, then up to 127 of those, `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// What should be a tag is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tag: a letter, digit or '_', then letters, digits, '_', '.' and '-', at most 128 bytes")]
pub struct BadTag;

impl Tag {
    /// The longest tag, bytes.
    pub const LEN_MAX: usize = 128;

    /// The tag as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, BadTag> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_tag = text.len() <= Self::LEN_MAX
            && text.starts_with(is_word)
            && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'));
        if is_tag { Ok(Self(text.to_owned())) } else { Err(BadTag) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_docker_accepts_are_accepted() {
        let longest = "a".repeat(255);
        for name in
            ["a", "0", "library/hello-world", "a.b/c_d/e__f/g---h", "10.0.0.1", "manifests/tags", &longest]
        {
            assert!(name.parse::<Name>().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_reach_elsewhere_are_refused() {
        let huge = "a".repeat(256);
        let bad = [
            "", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/..", "a/../b", "A", "a/B", "_a", "a_",
            "a___b", "a..b", "a._b", "a-_b", ".a", "a.", "-a", "a-", "a%2fb", "a\0b", "a b", "a\\b", "ä",
            "_tags", "a/_blobs", &huge,
        ];
        for name in bad {
            assert_eq!(name.parse::<Name>(), Err(BadName), "{name:?}");
        }
    }

    #[test]
    fn tags_are_words_with_dots_and_dashes() {
        let longest = "v".repeat(128);
        for tag in ["latest", "V1.0", "_", "0", "a-._", &longest] {
            assert!(tag.parse::<Tag>().is_ok(), "{tag}");
        }
        let huge = "v".repeat(129);
        for tag in ["", ".", "..", "-a", ".a", "a/b", "a:b", "a+b", "ä", "a\n", &huge] {
            assert_eq!(tag.parse::<Tag>(), Err(BadTag), "{tag:?}");
        }
    }

    /// The grammar's own expression, step by step, as the oracle:
    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes.
    fn by_the_grammar(text: &str) -> bool {
        fn word(bytes: &[u8]) -> Option<&[u8]> {
            let len = bytes.iter().take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit()).count();
            (len > 0).then(|| &bytes[len..])
        }
        fn rest(bytes: &[u8]) -> bool {
            let dashes = bytes.iter().take_while(|b| **b == b'-').count();
            match bytes {
                [] => true,
                [b'/', after @ ..] => word(after).is_some_and(rest),
                [b'_', b'_', after @ ..] | [b'_' | b'.', after @ ..] => word(after).is_some_and(rest),
                [b'-', ..] => word(&bytes[dashes..]).is_some_and(rest),
                _ => false,
            }
        }
        text.len() <= 255 && word(text.as_bytes()).is_some_and(rest)
    }

    proptest! {
        #[test]
        fn a_name_is_what_the_grammar_derives(
            letters in proptest::collection::vec(prop::sample::select(b"aa0z_.-/A%".to_vec()), 0..14),
        ) {
            let text = String::from_utf8(letters).unwrap();
            prop_assert_eq!(text.parse::<Name>().is_ok(), by_the_grammar(&text), "{}", text);
        }

        #[test]
        fn an_accepted_name_stays_below_its_directory(text in any::<String>()) {
            if let Ok(name) = text.parse::<Name>() {
                let plain = |c: std::path::Component<'_>| matches!(c, std::path::Component::Normal(_));
                prop_assert!(std::path::Path::new(name.as_str()).components().all(plain));
            }
        }
    }
}
