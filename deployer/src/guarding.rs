//! What waits for a person, and until when.

use std::str::FromStr;
use std::time::Duration;

use ci_core::Level;
use ci_core::engine::Handle;
use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::settings::Settings;

/// The flags about it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Guarding {
    /// Let jobs of this level or above wait until somebody approves them: harmless, mostly-harmless, average,
    /// above-average, dangerous, or none
    #[arg(long, value_name = "LEVEL")]
    confirm: Option<Confirm>,
    /// After this time let nothing wait any more, unless somebody has set the level before: 90s, 15m, 2h
    #[arg(long, value_name = "TIME")]
    confirm_auto_release: Option<After>,
}

impl Guarding {
    /// Changes the settings as told.
    ///
    /// # Errors
    ///
    /// When there is nothing to release.
    pub(crate) fn apply(self, settings: &mut Settings) -> anyhow::Result<()> {
        if let Some(Confirm(level)) = self.confirm {
            settings.confirm = level;
        }
        settings.confirm_auto_release = self.confirm_auto_release.map(|After(after)| after);
        anyhow::ensure!(
            settings.confirm.is_some() || settings.confirm_auto_release.is_none(),
            "--confirm-auto-release has nothing to release: say what waits with --confirm"
        );
        Ok(())
    }
}

/// A level as people say it, or `none`.
#[derive(Clone, Copy, Debug)]
struct Confirm(Option<Level>);

impl FromStr for Confirm {
    type Err = ci_core::BadLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            level => level.parse().map(|level| Self(Some(level))),
        }
    }
}

/// A time as people say it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct After(Duration);

/// The text is no time.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no time: it looks like 90s, 15m or 2h")]
struct BadAfter(String);

impl FromStr for After {
    type Err = BadAfter;

    fn from_str(text: &str) -> Result<Self, BadAfter> {
        let bad = || BadAfter(text.to_owned());
        let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
            Some(number) => (number, &text[number.len()..]),
            None => (text, "s"),
        };
        let seconds = match unit {
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(seconds).map(|seconds| Self(Duration::from_secs(seconds))).ok_or_else(bad)
    }
}

/// Lifts the guard after a time, unless a person sets the level before, be it to what it was. Dropping it keeps the
/// guard.
#[derive(Debug)]
pub(crate) struct Release(JoinHandle<()>);

impl Release {
    /// The time begins now.
    pub(crate) fn after(after: Duration, engine: Handle) -> Self {
        let level = engine.confirm();
        Self(tokio::spawn(async move {
            if is_untouched_until(tokio::time::sleep(after), level).await {
                engine.set_confirm(None);
                tracing::warn!("nothing waits for confirmation any more: --confirm-auto-release");
            } else {
                tracing::info!("the confirmation level was set by a person: it is not released");
            }
        }))
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether nobody sets the level until `then`.
async fn is_untouched_until(
    then: impl Future<Output = ()>,
    mut level: watch::Receiver<Option<Level>>,
) -> bool {
    tokio::select! {
        biased;
        set = level.changed() => set.is_err(),
        () = then => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_with_a_unit_or_in_seconds() {
        let seconds = |text: &str| text.parse::<After>().map(|After(after)| after.as_secs()).ok();
        for (text, read) in [("0", 0), ("5", 5), ("90s", 90), ("15m", 900), ("2h", 7200)] {
            assert_eq!(seconds(text), Some(read), "{text}");
        }
        for text in ["", "s", "-1", "1d", "1.5h", "1 m", "é", "18446744073709551615h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_level_that_is_set_is_not_released_even_if_it_is_the_same() {
        let set = watch::Sender::new(Some(Level::Harmless));
        assert!(is_untouched_until(std::future::ready(()), set.subscribe()).await);
        let level = set.subscribe();
        set.send_replace(Some(Level::Harmless));
        assert!(!is_untouched_until(std::future::pending(), level.clone()).await);
        assert!(!is_untouched_until(std::future::ready(()), level).await, "a person comes first");
    }
}
