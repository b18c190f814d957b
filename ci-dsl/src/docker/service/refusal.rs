//! What no node took is not tried again before something has changed that may let a node take it.
//!
//! Each try stops and starts tasks, so trying once a minute for a weekend would do harm. It is remembered for an hour,
//! and not over a restart.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ci_core::{Failure, OpError};
use serde_json::{Value, json};

use super::state::{self, ServiceState};
use crate::docker::api::{Api, ApiError};

/// The last refusal of each service. There are no more than services.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<String, Refusal>>);

#[derive(Debug)]
struct Refusal {
    image: String,
    surroundings: Value,
    why: Failure,
    at: Instant,
}

/// How long a refusal counts: what other services take of a node is not looked at.
const COUNTS_FOR: Duration = Duration::from_secs(60 * 60);

/// What Swarm looks at when it places a task: the nodes, and what the service asks for, if there is one.
pub(super) async fn surroundings(api: &Api, service: Option<&ServiceState>) -> Result<Value, ApiError> {
    let nodes = api.get("/nodes", &[]).await?;
    let nodes: Vec<_> = nodes
        .as_array()
        .into_iter()
        .flatten()
        .map(|node| json!([node.get("ID"), node.get("Spec"), node.pointer("/Status/State")]))
        .collect();
    Ok(json!([nodes, service.map(|service| state::with_image(&service.spec, ""))]))
}

impl Refusals {
    /// No node took the image, in these surroundings.
    pub(super) fn remember(&self, service: &str, image: &str, surroundings: Value, why: &OpError) {
        let (image, why, at) = (image.to_owned(), Failure::from(why), Instant::now());
        let refusal = Refusal { image, surroundings, why, at };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned(), refusal);
    }

    /// Fails if no node took the image, and nothing has changed since.
    pub(super) fn check(&self, service: &str, image: &str, surroundings: &Value) -> Result<(), OpError> {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refusal) = refusals.get(service) else { return Ok(()) };
        let counts = refusal.at.elapsed() < COUNTS_FOR;
        if counts && refusal.image == image && refusal.surroundings == *surroundings {
            let error = OpError::new(refusal.why.kind, refusal.why.message.clone());
            return Err(match &refusal.why.hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            });
        }
        refusals.remove(service);
        Ok(())
    }
}
