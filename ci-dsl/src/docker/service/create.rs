//! A service that is missing, made as its entry says; taken away again if it does not stay up.

use std::time::Duration;

use ci_core::{Failure, Job, OpError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::state;
use super::{
    Handle, POLL, SILENCE_MAX, TRIES_MAX, UpdateOptions, changed_by_hand, failed, image, left_to_them, tasks,
};
use crate::docker::api::{Api, ApiError};

/// How a missing service is made: one replica, restarted when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewService {
    /// The network it joins: an overlay, or the node's own `bridge`.
    pub network: String,
}

/// Swarm watches a new task for so long before it goes on, nanoseconds. We watch longer ourselves.
const MONITOR_NS: u64 = 1_000_000_000;

/// How long a service that is taken away may keep its containers.
const REMOVAL_MAX: Duration = Duration::from_secs(60);

impl NewService {
    pub(super) fn spec(&self, name: &str, image: &str) -> Value {
        json!({
            "Name": name,
            "TaskTemplate": {
                "ContainerSpec": { "Image": image },
                "Networks": [{ "Target": self.network }],
            },
            "Mode": { "Replicated": { "Replicas": 1 } },
            // It has no published port and no mount, so the old task can serve until the new one does.
            "UpdateConfig": { "Parallelism": 1, "Order": "start-first", "FailureAction": "pause", "Monitor": MONITOR_NS },
        })
    }
}

/// Creates the service, unless it is found created, and takes over its id.
pub(super) async fn post(
    api: &Api,
    job: &Job,
    handle: &mut Handle,
    new: &NewService,
    options: &UpdateOptions,
) -> Result<(), OpError> {
    for _ in 0..TRIES_MAX {
        if let Some(found) = state::by_name(api, &handle.name).await? {
            if !image::same(&found.image, &handle.wanted) {
                return Err(changed_by_hand(handle, &found.image));
            }
            (handle.service, handle.version) = (found.id, found.version);
            return Ok(());
        }
        job.say(format_args!("there is no service {}: creating it with {}", handle.name, handle.wanted));
        let spec = new.spec(&handle.name, &handle.wanted);
        match api.post("/services/create", &[], Some(&spec), options.registry_auth.as_ref()).await {
            Ok(_) | Err(ApiError::Conflict(_)) => {}
            Err(ApiError::NoAnswer { .. } | ApiError::EngineDown { .. }) => sleep(POLL).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(OpError::transient(format!("service {} could not be created {TRIES_MAX} times", handle.name)))
}

/// Takes away what [`post`] made. Returns what the job fails with.
///
/// # Errors
///
/// When the engine can't be asked to: then it is still to be done.
pub(super) async fn undo(api: &Api, job: &Job, handle: &Handle, why: &Failure) -> Result<OpError, OpError> {
    job.say(format_args!("{}: removing the service again", why.message));
    let deadline = Instant::now() + REMOVAL_MAX;
    let mut answered = Instant::now();
    loop {
        let gone = gone(api, handle).await;
        if gone.is_ok() {
            answered = Instant::now();
        }
        match gone {
            Ok(Gone::Yes) => {
                return Ok(failed(why, "there was no version before: the service was removed again"));
            }
            Ok(Gone::Theirs(image)) => return Ok(left_to_them(why, &image)),
            Ok(Gone::NotYet) if Instant::now() < deadline => sleep(POLL).await,
            Ok(Gone::NotYet) => {
                return Ok(failed(why, "the service was removed, but its containers are still there"));
            }
            Err(error)
                if answered.elapsed() < SILENCE_MAX && OpError::from(error.clone()).kind().is_retried() =>
            {
                sleep(POLL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn gone(api: &Api, handle: &Handle) -> Result<Gone, ApiError> {
    if let Some(found) = state::by_id(api, handle).await?
        && !image::same(&found.image, &handle.wanted)
    {
        return Ok(Gone::Theirs(found.image));
    }
    match api.delete(&format!("/services/{}", handle.service), &[]).await {
        Ok(_) | Err(ApiError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(match tasks::containers(api, &handle.service).await? {
        0 => Gone::Yes,
        _ => Gone::NotYet,
    })
}

enum Gone {
    Yes,
    NotYet,
    /// Somebody set it to another image: it is not ours to remove any more.
    Theirs(String),
}
