//! Stand-ins for what touches the outside, when a pipeline is tested: each operation and each monitor of an engine is
//! one, with strings that the test pulls.

use std::any::type_name;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::oneshot;

pub(crate) use self::monitor::Source;
use self::operation::Puppet;
use crate::error::OpError;
use crate::ids::{KeyDigest, OpId};
use crate::op::Operation;

mod monitor;
mod operation;

/// All puppets of one test. Clones share them; they outlive the engines that they play in.
#[derive(Clone, Default)]
pub(crate) struct Puppets(Arc<Mutex<Cast>>);

#[derive(Default)]
pub(crate) struct Cast {
    /// The test's step.
    pub(crate) step: usize,
    /// What was asked of operations, oldest first.
    pub(crate) asked: Vec<Asked>,
    /// What operations are at.
    pub(crate) running: Vec<Running>,
    /// What monitors look at.
    pub(crate) sources: Vec<Arc<Source>>,
    next: u64,
}

/// One thing asked of an operation: it began to run.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) step: usize,
    pub(crate) op: OpId,
    pub(crate) key: Json,
    pub(crate) desired: Json,
    /// `build Dockerfile of site@1a2b3c4d`.
    pub(crate) deed: String,
}

/// An operation that waits for its answer.
pub(crate) struct Running {
    pub(crate) number: u64,
    pub(crate) op: OpId,
    pub(crate) key: KeyDigest,
    pub(crate) summary: Arc<str>,
    pub(crate) deed: String,
    pub(crate) takes: Takes,
    pub(crate) answer: oneshot::Sender<Result<Json, OpError>>,
}

/// What values an operation makes.
#[derive(Clone, Copy)]
pub(crate) struct Takes {
    /// The type.
    pub(crate) name: &'static str,
    /// Why it can't be read from this.
    pub(crate) refusal: fn(&Json) -> Option<String>,
}

impl Takes {
    fn of<B: DeserializeOwned>() -> Self {
        Self {
            name: bare(type_name::<B>()),
            refusal: |json| B::deserialize(json).err().map(|e| e.to_string()),
        }
    }
}

/// A type as people call it, without the way to it.
pub(crate) fn bare(name: &'static str) -> &'static str {
    let generics = name.find('<').unwrap_or(name.len());
    name[..generics].rfind("::").map_or(name, |at| &name[at + 2..])
}

impl Puppets {
    pub(crate) fn cast(&self) -> MutexGuard<'_, Cast> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What runs in the place of an operation whose values are `B`s.
    pub(crate) fn in_place_of<B: DeserializeOwned>(&self, op: Arc<dyn Operation>) -> Arc<dyn Operation> {
        Arc::new(Puppet { op, takes: Takes::of::<B>(), puppets: self.clone() })
    }
}
