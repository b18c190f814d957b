//! How much harm an operation can do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The cost or risk of an operation, from least to most. With `--confirm=LEVEL`, jobs at or above LEVEL wait
/// until a person approves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Reads what is here, e.g. fetching from a local repository.
    Harmless,
    /// Reads from others, e.g. fetching from a remote repository, pulling an image.
    MostlyHarmless,
    /// Uses this machine, e.g. building an image, running a container.
    Average,
    /// Can be seen by others, e.g. posting a status, pushing to a registry of one's own.
    AboveAverage,
    /// Changes what users see, e.g. publishing a release, updating a service.
    Dangerous,
}

impl Level {
    /// Every level, least first.
    pub const ALL: [Self; 5] =
        [Self::Harmless, Self::MostlyHarmless, Self::Average, Self::AboveAverage, Self::Dangerous];

    /// The name used on command lines: `mostly-harmless`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::MostlyHarmless => "mostly-harmless",
            Self::Average => "average",
            Self::AboveAverage => "above-average",
            Self::Dangerous => "dangerous",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no level.
#[derive(Debug, thiserror::Error)]
#[error("no such level: {0:?} (one of harmless, mostly-harmless, average, above-average, dangerous)")]
pub struct BadLevel(String);

impl FromStr for Level {
    type Err = BadLevel;

    fn from_str(text: &str) -> Result<Self, BadLevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| BadLevel(text.to_owned()))
    }
}
