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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_an_order_and_names_and_nothing_else_is_one() {
        let names = ["harmless", "mostly-harmless", "average", "above-average", "dangerous"];
        assert_eq!(Level::ALL.map(|level| level.to_string()), names);
        assert!(Level::ALL.is_sorted_by(|a, b| a < b));
        for level in Level::ALL {
            assert_eq!(level.as_str().parse::<Level>().unwrap(), level);
        }
        for wrong in ["", "Harmless", "average ", "deadly", "none"] {
            let error = wrong.parse::<Level>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("{wrong:?}")) && names.iter().all(|name| error.contains(name)),
                "{error}"
            );
        }
    }
}
