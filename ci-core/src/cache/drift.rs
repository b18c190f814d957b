//! Whether what was published still holds. What somebody else made of the place is told, and left to them.

use std::sync::Arc;

use serde_json::Value as Json;

use super::instance::Finished;
use super::{Env, News, Owned, attempt};
use crate::doubt::Doubt;
use crate::error::Failure;
use crate::op::{Operation, Request};

/// A task that looks, for as long as this is not dropped; and what it saw last.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) drift: Option<Doubt>,
    /// What was published.
    pub(super) of: Finished,
    _task: Owned,
}

impl Watch {
    pub(super) fn start(
        env: &Arc<Env>,
        generation: u64,
        op: Arc<dyn Operation>,
        request: Request,
        value: Arc<Json>,
        of: Finished,
    ) -> Self {
        let task = watch(env.clone(), generation, op, request, value);
        Self { drift: None, of, _task: Owned(env.runtime.spawn(task)) }
    }
}

/// How many looks in a row fail before that is told: an engine that is just being restarted is no news.
const FAILURES_TOLD: u32 = 2;

/// Tells what differs from the last; and what nobody can look at, since that may be anything.
async fn watch(env: Arc<Env>, generation: u64, op: Arc<dyn Operation>, request: Request, value: Arc<Json>) {
    let mut told = None;
    let mut failures = 0;
    loop {
        let changed = op.changed(&request);
        tokio::pin!(changed);
        // What changes while it is read is looked at again.
        let seen = tokio::select! {
            biased;
            changed = &mut changed => match changed {
                Some(()) => continue,
                None => return,
            },
            seen = attempt::guarded(op.drift(&request, &value)) => seen,
        };
        let seen = match seen {
            Ok(seen) => {
                failures = 0;
                seen.map(|seen| env.secrets.failure(seen))
            }
            Err(error) => {
                let error = env.secrets.error(error);
                tracing::debug!("{} {}: not known now: {error}", op.id(), request.summary);
                failures += 1;
                if failures < FAILURES_TOLD { told.clone() } else { Some(Failure::from(&error)) }
            }
        };
        if seen != told {
            told = seen.clone();
            env.tell(generation, News::Drifted(seen.map(Arc::new))).await;
        }
        if changed.await.is_none() {
            return;
        }
    }
}
