//! `[logs]`: how long logs are kept.

use std::time::Duration;

use ci_core::logs::Keep;
use serde::Deserialize;

/// The section's form. What is left out is as [`Keep::default`] has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Section {
    /// A log that is older is packed.
    pack_after_days: Option<u64>,
    /// One that is older goes.
    keep_days: Option<u64>,
    /// So many stay.
    keep_count: Option<u64>,
    /// They take so much together.
    keep_gib: Option<u64>,
}

impl From<Section> for Keep {
    fn from(said: Section) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let days = |days: u64| DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        let default = Self::default();
        Self {
            plain: said.pack_after_days.map_or(default.plain, days),
            age: said.keep_days.map_or(default.age, days),
            count: said.keep_count.unwrap_or(default.count),
            bytes: said.keep_gib.map_or(default.bytes, |gib| gib.saturating_mul(1 << 30)),
        }
    }
}
