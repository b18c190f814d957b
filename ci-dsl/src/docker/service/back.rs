//! Taking an update back.

use std::time::Duration;

use ci_core::{Failure, Job, OpError};
use tokio::time::{Instant, sleep};

use super::state::{self, ServiceState};
use super::tasks::{self, Task};
use super::{Handle, POLL, SILENCE_MAX, UpdateOptions, failed, image, left_to_them};
use crate::docker::api::{Api, ApiError};

/// How long the version before may take until it runs again.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Sets the image before, and waits until it runs. Returns what the job fails with; its kind is that of `why`, unless
/// somebody set another image meanwhile: see [`left_to_them`].
///
/// # Errors
///
/// When the engine can't be asked to take it back: then it is still to be done.
pub(super) async fn go(
    api: &Api,
    job: &Job,
    handle: &Handle,
    why: &Failure,
    options: &UpdateOptions,
) -> Result<OpError, OpError> {
    let before = image::short(&handle.before);
    job.say(format_args!("{}: going back to {}", why.message, handle.before));
    let deadline = Instant::now() + TIMEOUT;
    let mut answered = Instant::now();
    loop {
        let step = step(api, handle, options).await;
        if step.is_ok() {
            answered = Instant::now();
        }
        let state = match step {
            Ok(Step::Serves) => {
                return Ok(failed(why, &format!("the version before ({before}) serves")));
            }
            Ok(Step::NoNode) => {
                let outcome = format!("the version before ({before}) is set again, and finds no node either");
                return Ok(failed(why, &outcome));
            }
            Ok(Step::Theirs(image)) => return Ok(left_to_them(why, &image)),
            Ok(Step::Waiting(state)) => state,
            Ok(Step::Removed) => return Ok(failed(why, "somebody removed the service meanwhile")),
            Err(error) if SILENCE_MAX <= answered.elapsed() && error.kind().is_retried() => {
                return Err(error);
            }
            Err(error) => error.to_string(),
        };
        if deadline <= Instant::now() {
            let outcome = format!("THE VERSION BEFORE DOES NOT RUN after {TIMEOUT:?}: {state}");
            return Ok(failed(why, &outcome));
        }
        sleep(POLL).await;
    }
}

enum Step {
    Serves,
    Waiting(String),
    /// It is set, and has to wait for a node like the one that was taken back.
    NoNode,
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
    if old.iter().any(|task| task.no_node().is_some()) {
        return Step::NoNode;
    }
    let error = old.iter().map(|task| task.error.as_str()).find(|error| !error.is_empty());
    let error = error.map_or_else(String::new, |error| format!(", {error}"));
    Step::Waiting(format!("{running} of {expected} tasks run it{error}"))
}
