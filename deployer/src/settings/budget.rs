//! `[images]` and `[mirrors]`: how long things are kept that can be made again.

use std::time::Duration;

use serde::Deserialize;

/// How long things of a kind are kept that nothing needs now, and how much of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What was made longer ago goes.
    pub age: Duration,
    /// So many bytes of them stay, those of the newest.
    pub bytes: u64,
}

impl Budget {
    /// Of images that builds left on engines.
    pub const IMAGES: Self = Self { age: Duration::from_secs(14 * 24 * 60 * 60), bytes: 50 << 30 };
    /// Of mirrors of repositories that the table does not name.
    pub const MIRRORS: Self = Self { age: Duration::from_secs(30 * 24 * 60 * 60), bytes: 10 << 30 };
    /// What is younger stays, whatever the bounds: somebody may just be about to need it again.
    pub const RECENT: Duration = Duration::from_secs(24 * 60 * 60);
}

/// A section's form. What is left out is as it is for its kind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Section {
    keep_days: Option<u64>,
    keep_gib: Option<u64>,
}

impl Section {
    pub(super) fn or(self, default: Budget) -> Budget {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let days = |days: u64| DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        Budget {
            age: self.keep_days.map_or(default.age, days),
            bytes: self.keep_gib.map_or(default.bytes, |gib| gib.saturating_mul(1 << 30)),
        }
    }
}
