//! Taking an update back.

use std::time::Duration;

use ci_core::{Failure, Job, OpError};
use tokio::time::{Instant, sleep};

use super::state::{self, ServiceState};
use super::tasks::{self, Task};
use super::{Handle, POLL, UpdateOptions, failed, image};
use crate::docker::api::{Api, ApiError};

/// How long the version before may take until it runs again.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Sets the image before, and waits until it runs. Returns what the job fails with.
///
/// The kind is that of `why`; [`ci_core::FailureKind::Infrastructure`] when the engine can't be asked to take it
/// back: then it is still to be done.
pub(super) async fn go(
    api: &Api,
    job: &Job,
    handle: &Handle,
    why: &Failure,
    options: &UpdateOptions,
) -> OpError {
    let before = image::short(&handle.before);
    job.say(format_args!("{}: going back to {}", why.message, handle.before));
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let state = match step(api, handle, options).await {
            Ok(Step::Serves) => {
                return failed(why, &format!("the version before ({}) serves", before));
            }
            Ok(Step::Theirs(image)) => {
                return failed(why, &format!("somebody set it to {image} meanwhile, and it was left so"));
            }
            Ok(Step::Waiting(state)) => state,
            Ok(Step::Removed) => return failed(why, "somebody removed the service meanwhile"),
            Err(error) if deadline <= Instant::now() && error.kind().is_retried() => return error,
            Err(error) => error.to_string(),
        };
        if deadline <= Instant::now() {
            return failed(why, &format!("THE VERSION BEFORE DOES NOT RUN after {TIMEOUT:?}: {state}"));
        }
        sleep(POLL).await;
    }
}

enum Step {
    Serves,
    Waiting(String),
    /// Neither the wanted image nor the one before.
    Theirs(String),
    Removed,
}

async fn step(api: &Api, handle: &Handle, options: &UpdateOptions) -> Result<Step, OpError> {
    let before = &handle.before;
    let Some(service) = state::by_id(api, handle).await? else { return Ok(Step::Removed) };
    if image::same(&service.image, before) {
        return Ok(serving(&service, &tasks::list(api, &handle.service).await?, before));
    }
    if !image::same(&service.image, &handle.wanted) {
        return Ok(Step::Theirs(service.image));
    }
    // The current spec with the old image: equal to the old spec unless others changed the rest meanwhile.
    let spec = state::with_image(&service.spec, before);
    match state::write(api, handle, service.version, &spec, options).await {
        Ok(()) | Err(ApiError::OutOfSequence) => {
            Ok(Step::Waiting("the version before is being set".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

fn serving(service: &ServiceState, tasks: &[Task], before: &str) -> Step {
    let (old, other): (Vec<&Task>, Vec<&Task>) =
        tasks.iter().filter(|task| task.is_wanted()).partition(|task| image::same(&task.image, before));
    let running = old.iter().filter(|task| task.runs()).count();
    let expected = service.replicas().unwrap_or(old.len().max(1) as u64);
    if running as u64 == expected && other.is_empty() {
        return Step::Serves;
    }
    let error = old.iter().map(|task| task.error.as_str()).find(|error| !error.is_empty());
    let error = error.map_or_else(String::new, |error| format!(", {error}"));
    Step::Waiting(format!("{running} of {expected} tasks run it{error}"))
}
