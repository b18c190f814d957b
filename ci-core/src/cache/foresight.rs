//! What becomes of a request, from what the store knows about it: for the engine that does it, and for those who ask
//! what it would do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::attempt;
use super::instance::{Finished, request_of};
use super::latch::Old;
use crate::error::{Failure, FailureKind, OpError};
use crate::ids::{JobId, KeyDigest};
use crate::level::Level;
use crate::op::{Build, Builder, Operation, Publish, Publisher, Request};
use crate::pool::Priority;
use crate::store::{Glance, OpenIntent, StoredResult};

/// How long it may take to ask whether a stored result stands.
const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// What the store knows about what is wanted.
pub(super) enum Known {
    /// An attempt has no end yet: it comes first, whatever it is for.
    Cut { open: OpenIntent, is_wanted: bool },
    /// It failed, and is not tried again by itself.
    Failed(Finished, Arc<Failure>),
    /// A value, if it still stands; and why it could not be renewed, if it could not.
    Value(Finished, Arc<Json>, Option<Failure>),
    /// It has to be made. The old result serves meanwhile, if it still stands.
    Nothing(Due, Option<Old>),
}

pub(super) fn known(
    open: Option<OpenIntent>,
    result: impl FnOnce() -> Option<StoredResult>,
    wanted: &Request,
    is_latched: bool,
) -> Known {
    if let Some(open) = open {
        let is_wanted = request_of(&open.intent).desired == wanted.desired;
        return Known::Cut { open, is_wanted };
    }
    let Some(stored) = result() else { return Known::Nothing(Due::New, None) };
    let is_of_another = KeyDigest::of(&stored.intent.desired) != wanted.desired;
    let renewal = stored.renewal.as_ref();
    let is_tried_again =
        |failure: &Failure| failure.kind.is_retried() || failure.kind == FailureKind::Superseded;
    let due = match &stored.outcome.result {
        _ if stored.invalidated.is_some() => Some(Due::Asked),
        _ if is_of_another => Some(Due::Changed),
        Ok(_) => renewal.filter(|renewal| is_tried_again(&renewal.failure)).map(|_| Due::Failed),
        Err(failure) => is_tried_again(failure).then_some(Due::Failed),
    };
    if let Some(due) = due {
        return Known::Nothing(due, Old::of(&stored, wanted, is_latched));
    }
    let mut finished = Finished::of(&stored, wanted);
    if let Some(no) = renewal.filter(|renewal| renewal.failure.kind == FailureKind::Cancelled) {
        finished.found_at_ms = no.at_ms;
    }
    match finished.result.clone() {
        Ok(value) => Known::Value(finished, value, renewal.map(|renewal| renewal.failure.clone())),
        Err(failure) => Known::Failed(finished, failure),
    }
}

/// Asks a stored value whether it still stands. An error means that nobody can know it now.
pub(super) async fn stands(op: &dyn Operation, wanted: &Request, value: &Json) -> Result<bool, OpError> {
    let check = attempt::guarded(async { Ok(op.is_valid(wanted, value).await) });
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        // What panics has no say.
        Ok(checked) => checked.unwrap_or(Ok(false)),
        Err(_) => Err(OpError::infrastructure(format!(
            "whether the result of {} still stands could not be found out within {} s",
            op.id(),
            CHECK_TIMEOUT.as_secs()
        ))),
    }
}

/// What an engine that starts now would do about one operation's request.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreseen<V> {
    /// Nothing: its value is known, and stands.
    Done(V),
    /// Nothing, until somebody asks for it: it has failed.
    Failed {
        /// The attempt.
        job: JobId,
        /// Why.
        failure: Failure,
    },
    /// An attempt that has begun is brought to its end first, or is just being made by an engine that runs.
    Begun {
        /// The attempt.
        job: JobId,
        /// Whether it is for what is asked for. If not, that follows.
        is_wanted: bool,
    },
    /// It runs the operation.
    Due {
        /// Why there is no result to use.
        why: Due,
        /// What harm it can do.
        level: Level,
    },
}

/// Why an operation would run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// There is no result.
    New,
    /// The newest result is of another value.
    Changed,
    /// The result does not stand any more.
    Gone,
    /// Somebody asked for it to be made again.
    Asked,
    /// It failed in a way that may have passed.
    Failed,
    /// What it is done with has to be made first, so it is not known whether the result is of another.
    Awaited,
}

impl Due {
    /// How soon it is to run.
    pub(super) fn priority(self) -> Priority {
        if self == Self::Asked { Priority::High } else { Priority::default() }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "it was never done",
            Self::Changed => "something else was done last",
            Self::Gone => "what was done does not stand any more",
            Self::Asked => "somebody asked for it to be done again",
            Self::Failed => "it failed in a way that may have passed",
            Self::Awaited => "what comes before it runs first",
        })
    }
}

/// What an engine would do to have a builder's value, decided by what decides it in an engine. Nothing is done but to
/// ask a stored value whether it stands. That it may be renewed while it serves, since it is valid for a time, is not told.
///
/// # Errors
///
/// When the key or the stored value can't be read or written as JSON, or nobody can know now whether the value stands.
pub async fn foresee_build<B: Builder>(
    op: B,
    key: &B::Key,
    past: &Glance,
) -> Result<Foreseen<B::Value>, OpError> {
    foresee(&Build(op), &Build::<B>::request(key)?, past).await
}

/// What an engine would do to let a publisher's place hold a value; `None` for one that has to be made first. See
/// [`foresee_build`].
///
/// # Errors
///
/// Those of [`foresee_build`].
pub async fn foresee_publish<P: Publisher>(
    op: P,
    key: &P::Key,
    value: Option<&P::Value>,
    past: &Glance,
) -> Result<Foreseen<P::Outcome>, OpError> {
    if let Some(value) = value {
        return foresee(&Publish(op), &Publish::<P>::request(key, value)?, past).await;
    }
    let open = past.open_intent(P::ID.as_str(), &Publish::<P>::place(key)?.key);
    Ok(match open {
        // What is still to be made can't be what was begun.
        Some(open) => Foreseen::Begun { job: open.intent.job, is_wanted: false },
        None => Foreseen::Due { why: Due::Awaited, level: op.level(key) },
    })
}

async fn foresee<V: DeserializeOwned>(
    op: &dyn Operation,
    wanted: &Request,
    past: &Glance,
) -> Result<Foreseen<V>, OpError> {
    let id = op.id();
    let due = |why| Foreseen::Due { why, level: op.level(wanted) };
    let open = past.open_intent(id.as_str(), &wanted.key);
    Ok(match known(open, || past.result(id.as_str(), &wanted.key), wanted, op.latched()) {
        Known::Cut { open, is_wanted } => Foreseen::Begun { job: open.intent.job, is_wanted },
        Known::Nothing(why, _) => due(why),
        Known::Failed(Finished { job, .. }, failure) => {
            Foreseen::Failed { job, failure: Failure::clone(&failure) }
        }
        Known::Value(_, value, _) if stands(op, wanted, &value).await? => {
            let value = V::deserialize(&*value).map_err(|error| {
                OpError::permanent("the result has a form that this program can't read")
                    .with_hint("rebuild it")
                    .with_source(error)
            })?;
            Foreseen::Done(value)
        }
        Known::Value(..) => due(Due::Gone),
    })
}
