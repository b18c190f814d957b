//! A Swarm service runs the wanted image, or is as it was: the update as a transaction.
//!
//! # Story
//!
//! *intended → updated → (stable: done | going back → failed).* Each phase is noted in the job's journal before what
//! it stands for is done, so that a crash anywhere is followed by [`resume`], which reads the world back first.
//!
//! 1. Read the service. It has the image already: watch only, nothing to write and nothing to go back to.
//! 2. Pull the image on the target. A missing image ends here; nothing has been touched.
//! 3. **Intended** ([`Phase::Intended`]): the image to go back to and the version index are noted, then the update is
//!    posted *with that index*. Somebody was faster ("out of sequence"): read again. Only what we don't touch has
//!    changed: take it over, note it, try again. The image has changed: a person did that, and we leave it.
//!    In this phase a crash may hide whether the update was posted, so the phase begins by looking: the spec holds
//!    the image, or tasks of it exist that were not there before, means posted.
//! 4. **Updated** ([`Phase::Updated`]): watch by our own eyes until every task of the wanted image has run
//!    unharmed for the time asked for. Swarm's "completed" is not believed: its monitor is shorter than many crashes.
//! 5. **Going back** ([`Phase::GoingBack`]): a task failed, no node takes it, Swarm paused or rolled back, time is
//!    up, or a person cancelled. The noted image is written back into the *current* spec with its current version
//!    index; never `rollback=previous`, which swaps and so brings the bad one back when it is repeated. A spec that
//!    already has the good image (Swarm was faster, or we before a crash) is not written again.
//!
//! A service that is missing is created instead, if its entry says how, through the same phases: *going back* then means
//! removing it again.
//!
//! An engine that goes away takes its tasks with it. That says nothing about the version, see `lives.rs`: Swarm makes new
//! tasks, and those are watched from the beginning; but not without end, since it may be the version that takes the
//! engine down.
//!
//! What no commit can help (no node takes a task, a port is taken, the service is gone) is waited for: before the first
//! write nothing is touched meanwhile; after it the update is taken back first. Then it begins anew, at once when the
//! engine tells of a change. So it does when Swarm gave the update up since an engine went away. An image that somebody
//! set meanwhile ends the waiting: it is theirs, see `tries.rs`.
//!
//! Being superseded does not cut an update: half an update is worse than one too many. Before the first write it does.
//!
//! The engine has no events about tasks, so watching is polling, every [`POLL`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ci_core::{Failure, FailureKind, Job, OpError};
use serde::{Deserialize, Serialize};

pub use self::changes::{LOOK_EVERY, changed};
pub use self::create::NewService;
pub use self::drift::drift;
pub use self::preview::{Changed, Preview, preview};
pub use self::refusal::Refusals;
pub use self::state::{ServiceState, SwarmUpdate, inspect};
use self::tasks::Task;
pub use self::tries::Tries;
use self::watch::Seen;
use super::api::{Api, ApiError, RegistryAuth};
use super::probe::Probe;

mod back;
mod changes;
mod create;
mod drift;
mod hindrance;
mod image;
mod last_words;
mod lives;
mod place;
mod platform;
mod preview;
mod pull;
mod refusal;
mod state;
mod tasks;
mod tries;
mod watch;

/// How often the service and its tasks are read while watching. Two reads of a few ms each.
pub const POLL: Duration = Duration::from_millis(500);

/// How long an engine may not answer before that is told. One that restarts says many things in between.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// How often an update is tried again because others change the service at the same time.
const TRIES_MAX: u32 = 5;

/// What becomes of an image that a person set.
const THEIRS: &str = "it is left so until the next commit; rebuild this job to replace it now";

/// How an update is judged. None of it changes what is deployed.
#[derive(Clone, Debug)]
pub struct UpdateOptions {
    /// How long every task must have run before the update counts as good. Default 10 s.
    pub stable_for: Duration,
    /// How long the whole watch may take. Default 5 minutes.
    pub timeout: Duration,
    /// What to ask each task at its own address, beside the image's health check.
    pub probe: Option<Probe>,
    /// How to make the service when there is none; `None` makes that an error.
    pub create: Option<NewService>,
    /// What the engine pulls with.
    pub registry_auth: Option<RegistryAuth>,
    /// What no node took before.
    pub refusals: Arc<Refusals>,
    /// What jobs found that are tried again.
    pub tries: Arc<Tries>,
}

impl Default for UpdateOptions {
    fn default() -> Self {
        Self {
            stable_for: Duration::from_secs(10),
            timeout: Duration::from_secs(300),
            probe: None,
            create: None,
            registry_auth: None,
            refusals: Arc::default(),
            tries: Arc::default(),
        }
    }
}

/// Where an update can be found again, written down before each phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handle {
    /// The service's id: a service removed and made again under the same name is another one.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its version index when the spec was read.
    pub version: u64,
    /// The image to run: `repo@sha256:…`.
    pub wanted: String,
    /// The image to go back to. Of the rest of the spec nothing is kept: we change nothing else, what others change
    /// meanwhile is theirs, and a spec may hold secrets that a journal should not.
    pub before: String,
    /// The tasks that were there before. Others with the wanted image are the update's doing.
    pub tasks_before: Vec<String>,
    /// When the last update before this one began, if it has ended: what Swarm says of it is not about ours.
    pub swarm_update_before: Option<String>,
    /// How the service is made, when there was none.
    #[serde(default)]
    pub create: Option<NewService>,
    /// How many of the update's tasks ended because their engine went away, those of the job's earlier tries too. They
    /// count as there before.
    #[serde(default)]
    pub taken_down: u64,
    /// How far it has come.
    pub phase: Phase,
}

impl Handle {
    /// For a service that is not there yet.
    fn for_new(name: &str, image: &str, new: &NewService) -> Self {
        Self {
            service: String::new(),
            name: name.to_owned(),
            version: 0,
            wanted: image.to_owned(),
            tasks_before: Vec::new(),
            swarm_update_before: None,
            before: String::new(),
            create: Some(new.clone()),
            taken_down: 0,
            phase: Phase::Intended,
        }
    }
}

/// How far an update has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// About to be posted, or posted without our knowing.
    Intended,
    /// Posted; being watched.
    Updated,
    /// Judged bad; being taken back.
    GoingBack {
        /// What the job will fail with.
        why: Failure,
    },
}

/// What was seen running, and how sure that is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// The service's name.
    pub service: String,
    /// The image that every task runs: `repo@sha256:…`.
    pub image: String,
    /// The service's version index when it was judged.
    pub version: u64,
    /// The tasks that run it.
    pub tasks: Vec<TaskEvidence>,
    /// How sure it is that they work.
    pub health: Health,
    /// How long they had been seen running, milliseconds.
    pub stable_for_ms: u64,
}

/// One task that runs the wanted image.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskEvidence {
    /// The task's id.
    pub id: String,
    /// Its container's id.
    pub container: String,
    /// Its own address, when it has one that the engine can tell.
    pub address: Option<String>,
}

/// How sure it is that tasks work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// A health check or a probe has passed.
    Healthy,
    /// They run. There was nothing to ask them.
    Running,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Running => "running, not known to be healthy",
        })
    }
}

/// The image that the service `name` is set to; `None` when there is no such service.
///
/// # Errors
///
/// See [`ApiError`].
pub async fn image_of(api: &Api, name: &str) -> Result<Option<String>, ApiError> {
    Ok(state::by_name(api, name).await?.map(|service| service.image))
}

/// Makes the service `name` run `image` (`repo@sha256:…`), watches it, and takes it back if it does not stay up.
///
/// # Errors
///
/// [`ci_core::FailureKind::Infrastructure`] for what no commit can help, and is waited for: there is no such service,
/// or it is scaled to 0; no node takes it, or none did before and nothing has changed since; it can't have its port;
/// the registry does not give the image. Then nothing is touched, or all was set back and the job's note taken back. The
/// same when the engine went away: go on with [`resume`] and the newest note, if there is one.
/// [`ci_core::FailureKind::Permanent`] when there is no such image, no node that can run it, a person changed the
/// service's image meanwhile, or the new version did not stay up: then the service was set back, and the message says
/// whether the version before serves. [`ci_core::FailureKind::Cancelled`] when a person stopped it: the same.
pub async fn update(
    api: &Api,
    job: &Job,
    name: &str,
    image: &str,
    options: &UpdateOptions,
) -> Result<Evidence, OpError> {
    image::check(image)?;
    let service = match (&options.create, state::by_name(api, state::checked(name)?).await?) {
        (_, Some(service)) => service,
        (None, None) => return Err(state::missing(api, name, image)),
        (Some(new), None) => {
            options.refusals.check(name, image, &refusal::surroundings(api, None).await?)?;
            job.cancellable(fetch(api, job, image, options)).await?;
            let handle = Handle::for_new(name, image, new);
            job.note(&handle).await?;
            return drive(api, job, handle, options).await;
        }
    };
    service.check_watchable()?;
    let tasks = tasks::list(api, &service.id).await?;
    let mut handle = Handle {
        service: service.id.clone(),
        name: service.name.clone(),
        version: service.version,
        wanted: image.to_owned(),
        tasks_before: tasks.iter().map(|task| task.id.clone()).collect(),
        swarm_update_before: service.update.as_ref().filter(|u| u.has_ended()).map(|u| u.started_at.clone()),
        before: service.image.clone(),
        create: None,
        taken_down: 0,
        phase: Phase::Intended,
    };
    if image::same(&service.image, image) {
        job.say(format_args!("service {name} is already set to {image}: watching it, changing nothing"));
        handle.tasks_before = tasks.iter().filter(|task| task.has_ended()).map(|t| t.id.clone()).collect();
        return match job.cancellable(watch::watch(api, job, &mut handle, options)).await? {
            Seen::Stable(evidence) => Ok(evidence),
            Seen::Removed => Err(removed(&handle)),
            // There is nothing to go back to: the version before is not known.
            Seen::Bad(why) => Err(failed(&why, "it was set to this version before, so nothing was changed")),
        };
    }
    options.tries.begin(job.id(), &mut handle)?;
    hindrance::check(name, &tasks)?;
    options.refusals.check(name, image, &refusal::surroundings(api, Some(&service)).await?)?;
    if !image::is_pinned(&service.image) {
        job.say(format_args!(
            "warning: {name} runs {}: going back may find another image there",
            service.image
        ));
    }
    job.cancellable(fetch(api, job, image, options)).await?;
    job.note(&handle).await?;
    drive(api, job, handle, options).await
}

/// Has the image on the target, and sees that it can run there.
async fn fetch(api: &Api, job: &Job, image: &str, options: &UpdateOptions) -> Result<(), OpError> {
    pull::pull(api, job, image, options).await?;
    platform::check(api, image).await
}

/// Goes on with an update after a crash of this process, from its newest note.
///
/// # Errors
///
/// Those of [`update`].
pub async fn resume(
    api: &Api,
    job: &Job,
    handle: Handle,
    options: &UpdateOptions,
) -> Result<Evidence, OpError> {
    job.say(format_args!("going on with the update of service {}", handle.name));
    drive(api, job, handle, options).await
}

async fn drive(
    api: &Api,
    job: &Job,
    mut handle: Handle,
    options: &UpdateOptions,
) -> Result<Evidence, OpError> {
    if handle.phase == Phase::Intended {
        match handle.create.clone() {
            Some(new) => create::post(api, job, &mut handle, &new, options).await?,
            None => post(api, job, &mut handle, options).await?,
        }
        enter(job, &mut handle, Phase::Updated).await;
    }
    let taken_down = handle.taken_down;
    if handle.phase == Phase::Updated {
        match watch::watch(api, job, &mut handle, options).await? {
            Seen::Stable(evidence) => return Ok(evidence),
            Seen::Bad(why) => {
                options.tries.remember(job.id(), &handle);
                enter(job, &mut handle, Phase::GoingBack { why }).await;
            }
            Seen::Removed => {
                forget(job).await;
                return Err(removed(&handle));
            }
        }
    }
    let Phase::GoingBack { why } = &handle.phase else { unreachable!("these phases have been left above") };
    let why = why.clone();
    let ended = match handle.create.is_some() {
        true => create::undo(api, job, &handle, &why).await?,
        false => back::go(api, job, &handle, &why, options).await?,
    };
    if ended.kind().is_retried() {
        // What lost its engine was not refused: another may take it already.
        if handle.taken_down == taken_down {
            let service = state::by_id(api, &handle).await?;
            let surroundings = refusal::surroundings(api, service.as_ref()).await?;
            options.refusals.remember(&handle.name, &handle.wanted, surroundings, &ended);
        }
        forget(job).await;
    }
    Err(ended)
}

/// Takes the note back: nothing is left of the update, and it may begin anew. If that can't be written down, a restart
/// finds the same out again.
async fn forget(job: &Job) {
    if let Err(error) = job.note(&()).await {
        job.say(format_args!("this step could not be noted down: {error}"));
    }
}

/// Notes a phase that an older note already lets [`resume`] find: a journal that can't be written now must not
/// leave an update unwatched.
async fn enter(job: &Job, handle: &mut Handle, phase: Phase) {
    handle.phase = phase;
    if let Err(error) = job.note(handle).await {
        job.say(format_args!("this step could not be noted down: {error}"));
    }
}

/// Posts the update, unless it is found posted.
async fn post(api: &Api, job: &Job, handle: &mut Handle, options: &UpdateOptions) -> Result<(), OpError> {
    let mut last = ApiError::OutOfSequence;
    for _ in 0..TRIES_MAX {
        let Some(now) = state::by_id(api, handle).await? else {
            forget(job).await;
            return Err(removed(handle));
        };
        if image::same(&now.image, &handle.wanted) {
            return Ok(());
        }
        let tasks = tasks::list(api, &handle.service).await?;
        if tasks.iter().any(|task| task.is_new(handle)) {
            return Ok(()); // posted before a crash, and taken back since: the watch finds out why
        }
        if !image::same(&now.image, &handle.before) {
            return Err(changed_by_hand(handle, &now.image));
        }
        if now.version != handle.version {
            job.say("the service was changed meanwhile, but not its image: the change is kept");
            handle.version = now.version;
            handle.swarm_update_before = now.update.filter(|u| u.has_ended()).map(|u| u.started_at);
            job.note(handle).await?;
        }
        job.say(format_args!("updating service {}: {} -> {}", handle.name, handle.before, handle.wanted));
        let spec = state::with_image(&now.spec, &handle.wanted);
        match state::write(api, handle, handle.version, &spec, options).await {
            Ok(()) => return Ok(()),
            Err(
                error @ (ApiError::OutOfSequence | ApiError::NoAnswer { .. } | ApiError::EngineDown { .. }),
            ) => {
                last = error;
                tokio::time::sleep(POLL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let name = &handle.name;
    Err(OpError::transient(format!("service {name} could not be changed, {TRIES_MAX} times: {last}")))
}

fn removed(handle: &Handle) -> OpError {
    OpError::infrastructure(format!("service {}: somebody removed it during the update", handle.name))
        .with_hint("nothing is to be done if it may be made again; or create it")
}

fn changed_by_hand(handle: &Handle, image: &str) -> OpError {
    OpError::permanent(format!(
        "service {}: changed by hand meanwhile: it is now set to {image}",
        handle.name
    ))
    .with_hint(THEIRS)
}

/// What the job fails with when somebody set `image` before it could be taken back. It is not tried again, whatever
/// `why` is: that would replace what they set.
fn left_to_them(why: &Failure, image: &str) -> OpError {
    let kind = if why.kind.is_retried() { FailureKind::Permanent } else { why.kind };
    let message = format!("{}; it was changed by hand meanwhile: it is now set to {image}", why.message);
    OpError::new(kind, message).with_hint(THEIRS)
}

fn failed(why: &Failure, outcome: &str) -> OpError {
    let error = OpError::new(why.kind, format!("{}; {outcome}", why.message));
    match &why.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

impl Task {
    /// Whether the update made it.
    fn is_new(&self, handle: &Handle) -> bool {
        image::same(&self.image, &handle.wanted) && !handle.tasks_before.contains(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_set_while_it_was_taken_back_is_not_replaced_by_another_try() {
        for (kind, expected) in [
            (FailureKind::Infrastructure, FailureKind::Permanent),
            (FailureKind::Transient, FailureKind::Permanent),
            (FailureKind::Permanent, FailureKind::Permanent),
            (FailureKind::Cancelled, FailureKind::Cancelled),
        ] {
            let why = Failure { kind, message: "no node".to_owned(), hint: Some("see".to_owned()) };
            let error = left_to_them(&why, "theirs:1");
            assert_eq!(error.kind(), expected);
            assert_eq!(
                error.message(),
                "no node; it was changed by hand meanwhile: it is now set to theirs:1"
            );
            assert_eq!(error.hint(), Some(THEIRS));
        }
    }
}
