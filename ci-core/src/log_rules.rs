//! Log rules: a line that is known, found in the log of a job that failed, turns into the failure's text.
//!
//! A [`LogRule`] is a pattern, a report and a score. When a job fails its log is read from the beginning, with what the
//! operation said last, in pieces and on a thread of its own; of the rules that match somewhere the one with the highest score is believed, of equals the
//! one that matches first. Its report becomes the failure's message. What the operation said stands in the log, with a
//! line that names the rule; the failure's kind, and with it whether the job is tried again, stays. Nothing is read of a
//! job that succeeded, that somebody cancelled, or that nobody wanted any more.
//!
//! A program [brings](crate::Engine::with_log_rules) rules, and people [add](crate::engine::Handle::add_log_rule) and
//! [remove](crate::engine::Handle::remove_log_rule) rules while it runs. A person's rule takes the place of a program's
//! that has the same pattern, and gives it back when it is removed. People's rules are kept in `STATE/log-rules.json`: a
//! file beside the journal, as they are settings and no facts, so a program that knows no rules can still open the store.
//!
//! ```
//! use ci_core::Engine;
//! use ci_core::log_rules::LogRule;
//!
//! # let state = tempfile::tempdir()?;
//! let make = LogRule::new(r"Make exited with status (\d+)", r"exit(\1)", 10)?;
//! let engine = Engine::open(state.path())?.with_log_rules([make])?;
//! # drop(engine);
//! let mistake = LogRule::new("Make exited (", "exit", 10).unwrap_err();
//! assert!(mistake.to_string().contains("unclosed group"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

pub use self::reading::search;
pub use self::rule::{BadRule, LogRule, PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX, REPORT_BYTES_MAX};
pub use self::scan::{Hit, MATCH_BYTES_MAX};
use crate::job::Log;

mod kept;
mod reading;
mod report;
mod rule;
mod scan;

/// How many rules a program brings at most, and how many people add.
pub const RULES_MAX: usize = 64;
/// How many logs of one engine are read at the same time; others wait.
const READERS_MAX: usize = 2;
/// See [`Pace::log_rules`](crate::Pace::log_rules).
pub(crate) const READING_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a rule was neither added nor removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleRefused {
    /// There are as many as there may be.
    #[error("there are {RULES_MAX} log rules already: remove one that is not needed")]
    TooMany,
    /// Nothing to remove.
    #[error("there is no log rule with the pattern {0:?}")]
    NoSuchRule(String),
    /// It was not added by people, and can't be removed by them.
    #[error(
        "the log rule with the pattern {0:?} comes with the program: add one with this pattern to replace it"
    )]
    OfProgram(String),
    /// The state directory can't be written: nothing was changed.
    #[error("the log rules can't be written down, and are as before: {0}")]
    NotWritten(String),
    /// The engine has stopped, or is about to.
    #[error("the engine is stopping")]
    Stopping,
}

/// The rules of one engine. Clones are the same rules.
#[derive(Clone, Debug)]
pub(crate) struct LogRules {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    /// Locked while the file is written; never by who only wants to know the rules.
    sources: Mutex<Sources>,
    in_force: Mutex<Arc<[LogRule]>>,
    readers: Arc<Semaphore>,
}

type Rules = BTreeMap<String, LogRule>;

/// Where rules come from, by pattern.
#[derive(Debug, Default)]
struct Sources {
    program: Rules,
    people: Rules,
    /// Nothing is written any more: the state directory may be another process's.
    closed: bool,
}

impl LogRules {
    /// The name of the file in which a state directory keeps the rules that people added.
    pub(crate) const FILE: &str = "log-rules.json";

    /// That file.
    pub(crate) fn file(state: &Path) -> PathBuf {
        state.join(Self::FILE)
    }

    /// Whether such a file can be read.
    pub(crate) fn check(file: &Path) -> io::Result<()> {
        kept::read(file).map(drop)
    }

    /// Those that a state directory keeps. Blocking. The caller holds the directory's lock.
    pub(crate) fn of(state: &Path) -> io::Result<Self> {
        let file = Self::file(state);
        let sources = Sources { people: kept::read(&file)?, ..Sources::default() };
        let in_force = Mutex::new(sources.in_force());
        let readers = Arc::new(Semaphore::new(READERS_MAX));
        Ok(Self { shared: Arc::new(Shared { file, sources: Mutex::new(sources), in_force, readers }) })
    }

    /// Adds rules of the program. The last of a pattern counts.
    pub(crate) fn bring(&self, rules: impl IntoIterator<Item = LogRule>) -> Result<(), RuleRefused> {
        let mut sources = self.sources();
        for rule in rules {
            sources.program.insert(rule.pattern().to_owned(), rule);
            if RULES_MAX < sources.program.len() {
                return Err(RuleRefused::TooMany);
            }
        }
        self.put_in_force(&sources);
        Ok(())
    }

    /// Adds a person's rule, durably. Returns the one whose place it takes. Blocking.
    pub(crate) fn add(&self, rule: LogRule) -> Result<Option<LogRule>, RuleRefused> {
        self.change(|sources, people| {
            let pattern = rule.pattern().to_owned();
            let program = sources.program.get(&pattern).cloned();
            let replaced = people.insert(pattern, rule).or(program);
            if RULES_MAX < people.len() {
                return Err(RuleRefused::TooMany);
            }
            Ok(replaced)
        })
    }

    /// Removes a person's rule, durably, and returns it. Blocking.
    pub(crate) fn remove(&self, pattern: &str) -> Result<LogRule, RuleRefused> {
        self.change(|sources, people| match people.remove(pattern) {
            Some(rule) => Ok(rule),
            None if sources.program.contains_key(pattern) => Err(RuleRefused::OfProgram(pattern.to_owned())),
            None => Err(RuleRefused::NoSuchRule(pattern.to_owned())),
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&Sources, &mut Rules) -> Result<T, RuleRefused>,
    ) -> Result<T, RuleRefused> {
        let mut sources = self.sources();
        if sources.closed {
            return Err(RuleRefused::Stopping);
        }
        let mut people = sources.people.clone();
        let done = change(&sources, &mut people)?;
        kept::write(&self.shared.file, &people)
            .map_err(|error| RuleRefused::NotWritten(error.to_string()))?;
        sources.people = people;
        self.put_in_force(&sources);
        Ok(done)
    }

    /// Writes nothing any more. Waits for a write that is under way.
    pub(crate) fn close(&self) {
        self.sources().closed = true;
    }

    /// The rules that count: the highest score first, of equals by pattern.
    pub(crate) fn in_force(&self) -> Arc<[LogRule]> {
        self.shared.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the rules make of a failed job's log. That they could not be asked, or not in time, is told in the log, and is
    /// no failure.
    pub(crate) async fn ask(&self, log: &Log, timeout: Duration) -> Option<Hit> {
        let rules = self.in_force();
        if rules.is_empty() {
            return None;
        }
        let given_up = GivenUp::default();
        let read = async {
            // Nobody closes it.
            let turn = self.shared.readers.clone().acquire_owned().await.ok();
            let (log, given_up) = (log.clone(), given_up.0.clone());
            let read = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                reading::read(&log, &rules, &given_up)
            });
            read.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
        };
        match tokio::time::timeout(timeout, read).await {
            Ok(Ok(hit)) => return hit,
            Ok(Err(error)) => log.line(format_args!("The log rules could not be asked: {error}")),
            Err(_) => log.line(format_args!("The log rules took longer than {timeout:?}")),
        }
        None
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Sources> {
        self.shared.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_in_force(&self, sources: &Sources) {
        *self.shared.in_force.lock().unwrap_or_else(PoisonError::into_inner) = sources.in_force();
    }
}

impl Sources {
    fn in_force(&self) -> Arc<[LogRule]> {
        let mut rules = self.program.clone();
        rules.extend(self.people.clone());
        let mut rules: Vec<_> = rules.into_values().collect();
        rules.sort_by_key(|rule| Reverse(rule.score())); // a stable sort: they stand by pattern
        rules.into()
    }
}

/// Tells a reader, when it is dropped, that nobody waits for it.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
