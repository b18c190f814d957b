//! Watching an update by our own eyes, until it is good or bad.

use std::collections::BTreeSet;
use std::time::Duration;

use ci_core::{Failure, FailureKind, Job, OpError};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep};

use super::state::{self, ServiceState};
use super::tasks::{self, Task};
use super::{
    Evidence, Handle, Health, POLL, TaskEvidence, UpdateOptions, changed_by_hand, image, last_words, place,
    removed,
};
use crate::docker::api::{Api, ApiError};

/// How long a task may find no node before the update is taken back. Swarm itself waits for ever.
const NO_NODE_MAX: Duration = Duration::from_secs(10);

/// How many tasks are asked at the same time.
const ASKED_AT_ONCE_MAX: usize = 8;

/// How a watch ended.
pub(super) enum Seen {
    Stable(Evidence),
    Bad(Failure),
}

/// What one look shows.
#[derive(Clone, Debug, PartialEq)]
enum Look {
    /// Every task runs the wanted image, and this is the service's version.
    Running(Vec<Task>, u64),
    /// Not yet; how far it is, for people.
    Waiting(String),
    /// A task finds no node; what Swarm says.
    NoNode(String),
    /// A task of the update is over.
    TaskFailed(Task),
    /// Swarm gave up; what it says.
    GivenUp(String),
    /// Somebody set another image.
    ChangedByHand(String),
    /// Somebody removed the service.
    Removed,
}

/// One look's meaning, without time and without probes.
fn judge(service: &ServiceState, tasks: &[Task], handle: &Handle) -> Look {
    if let Some(failed) = tasks.iter().find(|task| task.is_new(handle) && task.has_failed()) {
        return Look::TaskFailed(failed.clone());
    }
    // What Swarm says of an earlier update is no news.
    let update =
        service.update.as_ref().filter(|u| handle.swarm_update_before.as_ref() != Some(&u.started_at));
    if let Some(update) = update.filter(|u| u.state == "paused" || u.state.starts_with("rollback")) {
        return Look::GivenUp(format!("{}: {}", update.state, update.message));
    }
    if !image::same(&service.image, &handle.wanted) {
        return Look::ChangedByHand(service.image.clone());
    }
    let wanted: Vec<&Task> = tasks.iter().filter(|task| task.is_wanted()).collect();
    let (new, old): (Vec<&Task>, Vec<&Task>) =
        wanted.into_iter().partition(|task| image::same(&task.image, &handle.wanted));
    if let Some(pending) = new.iter().find(|task| task.state == "pending" && !task.error.is_empty()) {
        return Look::NoNode(pending.error.clone());
    }
    let mut running: Vec<Task> = new.iter().filter(|task| task.runs()).map(|task| (*task).clone()).collect();
    running.sort_by(|a, b| a.id.cmp(&b.id));
    // A global service has as many tasks as it has; they replace the old ones node by node.
    let expected = service.replicas().unwrap_or(new.len().max(1) as u64);
    let under_way = update.is_some_and(|update| update.state == "updating");
    if running.len() as u64 == expected && new.len() == running.len() && old.is_empty() {
        return if under_way {
            Look::Waiting(settling(&running))
        } else {
            Look::Running(running, service.version)
        };
    }
    let states: BTreeSet<&str> =
        new.iter().filter(|task| !task.runs()).map(|task| task.state.as_str()).collect();
    let states = states.into_iter().map(|state| format!(", {state}")).collect::<String>();
    Look::Waiting(format!("{} of {expected} tasks run the new version{states}", running.len()))
}

fn settling(running: &[Task]) -> String {
    format!("{} tasks run; Swarm is still watching them", running.len())
}

/// Looks until it is good or bad.
///
/// # Errors
///
/// [`FailureKind::Permanent`] when a person changed or removed the service: it is theirs then, and nothing is taken
/// back. [`FailureKind::Infrastructure`] when the engine can't be asked until the time is up.
pub(super) async fn watch(
    api: &Api,
    job: &Job,
    handle: &Handle,
    options: &UpdateOptions,
) -> Result<Seen, OpError> {
    let begun = Instant::now();
    let mut no_node_since = None;
    let mut good: Option<(Vec<String>, Instant)> = None;
    let mut said = String::new();
    loop {
        if let Some(asked) = job.cancel().is_requested().filter(|e| e.kind() == FailureKind::Cancelled) {
            let message = format!("service {}: {asked}", handle.name);
            return Ok(Seen::Bad(Failure { kind: asked.kind(), message, hint: None }));
        }
        let late = options.timeout <= begun.elapsed();
        let now = match look(api, handle).await {
            Ok(look) => look,
            // An engine that restarts says many things: only time tells.
            Err(error) if !late => Look::Waiting(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        if !matches!(now, Look::NoNode(_)) {
            no_node_since = None;
        }
        let state = match now {
            Look::Running(tasks, version) => match probe(api, &tasks, options).await {
                Ok((evidence, health)) => {
                    let ids: Vec<String> = tasks.into_iter().map(|task| task.id).collect();
                    let since = good.take().filter(|(before, _)| *before == ids).map(|(_, since)| since);
                    let since = since.unwrap_or_else(Instant::now);
                    if options.stable_for <= since.elapsed() {
                        return Ok(Seen::Stable(told(job, handle, version, evidence, health, since)));
                    }
                    good = Some((ids, since));
                    format!("every task runs; watching for {:?}", options.stable_for)
                }
                Err(why) => why,
            },
            Look::Waiting(how_far) => how_far,
            Look::NoNode(why) => {
                let since = *no_node_since.get_or_insert_with(Instant::now);
                if NO_NODE_MAX <= since.elapsed() {
                    return Ok(Seen::Bad(bad(handle, &format!("no node takes it: {why}"))));
                }
                format!("no node takes it: {why}")
            }
            Look::TaskFailed(task) => return Ok(Seen::Bad(task_failed(api, job, handle, &task).await)),
            Look::GivenUp(why) => {
                return Ok(Seen::Bad(bad(handle, &format!("did not stay up: Swarm says {why}"))));
            }
            Look::ChangedByHand(image) => return Err(changed_by_hand(handle, &image)),
            Look::Removed => return Err(removed(handle)),
        };
        if !state.starts_with("every task runs") {
            good = None;
        }
        if late {
            let limit = options.timeout;
            return Ok(Seen::Bad(bad(handle, &format!("was not good within {limit:?}: {state}"))));
        }
        if state != said {
            job.say(&state);
            said = state;
        }
        sleep(POLL).await;
    }
}

async fn look(api: &Api, handle: &Handle) -> Result<Look, ApiError> {
    // Tasks first: a spec that is newer than they are is seen as such, not as a change without tasks.
    let tasks = tasks::list(api, &handle.service).await?;
    let service = state::by_id(api, handle).await?;
    Ok(service.map_or(Look::Removed, |service| judge(&service, &tasks, handle)))
}

/// Asks every task at its own address, and says how sure it is that they work; or who is not well.
async fn probe(
    api: &Api,
    tasks: &[Task],
    options: &UpdateOptions,
) -> Result<(Vec<TaskEvidence>, Health), String> {
    let asking: Vec<_> = tasks.iter().map(|task| ask(api, task, options)).collect();
    let asked: Vec<_> = stream::iter(asking).buffered(ASKED_AT_ONCE_MAX).try_collect().await?;
    let healthy = options.probe.is_some() || asked.iter().all(|(_, checked)| *checked);
    let health = if healthy { Health::Healthy } else { Health::Running };
    Ok((asked.into_iter().map(|(evidence, _)| evidence).collect(), health))
}

/// Asks one task, and says whether Docker asks it too.
async fn ask(api: &Api, task: &Task, options: &UpdateOptions) -> Result<(TaskEvidence, bool), String> {
    let place = place::find(api, task).await;
    if let Some(probe) = &options.probe {
        let answer = match &place.address {
            Some(address) => probe.ask(address).await,
            None => Err("it has no address of its own".to_owned()),
        };
        answer.map_err(|why| format!("probe {probe} of task {}: {why}", task.id))?;
    }
    let (id, container) = (task.id.clone(), task.container.clone());
    Ok((TaskEvidence { id, container, address: place.address }, place.health_check))
}

fn told(
    job: &Job,
    handle: &Handle,
    version: u64,
    tasks: Vec<TaskEvidence>,
    health: Health,
    since: Instant,
) -> Evidence {
    if health == Health::Running {
        job.say(
            "warning: running is not healthy: the image has no health check, and there is no probe to ask",
        );
    }
    let stable_for_ms = since.elapsed().as_millis() as u64;
    job.say(format_args!(
        "service {} runs {}: {} tasks, {health}, for {:.1} s",
        handle.name,
        handle.wanted,
        tasks.len(),
        since.elapsed().as_secs_f64()
    ));
    let (service, image) = (handle.name.clone(), handle.wanted.clone());
    Evidence { service, image, version, tasks, health, stable_for_ms }
}

fn bad(handle: &Handle, what: &str) -> Failure {
    let message = format!("service {}: new version {} {what}", handle.name, image::short(&handle.wanted));
    Failure { kind: FailureKind::Permanent, message, hint: None }
}

/// Tells the log the task's last words, and makes its end the failure.
async fn task_failed(api: &Api, job: &Job, handle: &Handle, task: &Task) -> Failure {
    let error = if task.error.is_empty() { &task.state } else { &task.error };
    // A task that never had a container has no exit code, whatever the field holds.
    let code = task.exit_code.filter(|_| !task.container.is_empty());
    let code = code.map_or_else(String::new, |code| format!(", exit code {code}"));
    let lines = last_words::of(api, task).await;
    if !lines.is_empty() {
        job.say(format_args!("last lines of task {}:\n{}", task.id, lines.join("\n")));
    }
    bad(handle, &format!("did not stay up: {error}{code}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::docker::service::{Phase, state::SwarmUpdate};

    const OLD: &str = "h/app@sha256:1111";
    const NEW: &str = "h/app@sha256:2222";

    fn handle() -> Handle {
        Handle {
            service: "s".to_owned(),
            name: "web".to_owned(),
            version: 7,
            wanted: NEW.to_owned(),
            before: OLD.to_owned(),
            tasks_before: vec!["before".to_owned()],
            swarm_update_before: Some("monday".to_owned()),
            create: None,
            phase: Phase::Updated,
        }
    }

    /// A service of two replicas, and what Swarm says: `state@start`.
    fn service(image: &str, says: &str) -> ServiceState {
        ServiceState {
            id: "s".to_owned(),
            name: "web".to_owned(),
            version: 9,
            spec: json!({"Mode": {"Replicated": {"Replicas": 2}}}),
            image: image.to_owned(),
            update: says.split_once('@').map(|(state, started_at)| SwarmUpdate {
                state: state.to_owned(),
                started_at: started_at.to_owned(),
                message: "because".to_owned(),
            }),
        }
    }

    /// `id image state desired`
    fn tasks(lines: &[(&str, &str, &str, &str)]) -> Vec<Task> {
        let task = |(id, image, state, desired): &(&str, &str, &str, &str)| {
            let error = if *state == "pending" { "no suitable node" } else { "" };
            Task {
                id: (*id).to_owned(),
                image: (*image).to_owned(),
                state: (*state).to_owned(),
                desired: (*desired).to_owned(),
                error: error.to_owned(),
                exit_code: None,
                container: String::new(),
                attached: None,
                tty: false,
                health_check: None,
            }
        };
        lines.iter().map(task).collect()
    }

    fn seen(image: &str, says: &str, lines: &[(&str, &str, &str, &str)]) -> String {
        match judge(&service(image, says), &tasks(lines), &handle()) {
            Look::Running(tasks, version) => {
                let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
                format!("running {} in version {version}", ids.join(" "))
            }
            Look::Waiting(how_far) => how_far,
            Look::NoNode(why) => format!("no node: {why}"),
            Look::TaskFailed(task) => format!("failed {}", task.id),
            Look::GivenUp(why) => format!("given up: {why}"),
            Look::ChangedByHand(image) => format!("by hand: {image}"),
            Look::Removed => "removed".to_owned(),
        }
    }

    #[test]
    fn green_means_that_every_task_runs_the_wanted_image_and_no_other_one_is_wanted() {
        let (b, a) = (("b", NEW, "running", "running"), ("a", NEW, "running", "running"));
        assert_eq!(seen(NEW, "completed@now", &[b, a]), "running a b in version 9");
        assert_eq!(seen(NEW, "", &[b, a, ("o", OLD, "running", "shutdown")]), "running a b in version 9");
        assert_eq!(seen(NEW, "completed@now", &[]), "0 of 2 tasks run the new version");
        assert_eq!(seen(NEW, "completed@now", &[a]), "1 of 2 tasks run the new version");
        assert_eq!(seen(NEW, "updating@now", &[a, b]), "2 tasks run; Swarm is still watching them");
        let starting = ("b", NEW, "starting", "running");
        assert_eq!(seen(NEW, "", &[a, starting]), "1 of 2 tasks run the new version, starting");
        let old = ("o", OLD, "running", "running");
        assert_eq!(seen(NEW, "", &[a, b, old]), "2 of 2 tasks run the new version");
        let ready = ("c", NEW, "ready", "ready");
        assert_eq!(seen(NEW, "", &[a, b, ready]), "2 of 2 tasks run the new version, ready");
    }

    #[test]
    fn what_went_wrong_before_the_update_is_not_its_fault() {
        let fine = [("a", NEW, "running", "running"), ("b", NEW, "running", "running")];
        let with = |task| [&fine[..], &[task]].concat();
        for over in ["failed", "rejected", "complete", "orphaned"] {
            assert_eq!(seen(NEW, "", &with(("c", NEW, over, "shutdown"))), "failed c");
            assert!(seen(NEW, "", &with(("before", NEW, over, "shutdown"))).starts_with("running"), "{over}");
            assert!(seen(NEW, "", &with(("c", OLD, over, "shutdown"))).starts_with("running"), "{over}");
        }
        assert!(seen(NEW, "", &with(("c", NEW, "shutdown", "shutdown"))).starts_with("running"));
        for given_up in ["paused", "rollback_started", "rollback_paused", "rollback_completed"] {
            assert_eq!(
                seen(NEW, &format!("{given_up}@now"), &fine),
                format!("given up: {given_up}: because")
            );
            assert!(seen(NEW, &format!("{given_up}@monday"), &fine).starts_with("running"), "{given_up}");
        }
    }

    #[test]
    fn a_change_by_a_person_is_told_from_a_rollback() {
        assert_eq!(seen("h/app@sha256:3333", "", &[]), "by hand: h/app@sha256:3333");
        assert_eq!(seen(OLD, "completed@now", &[]), format!("by hand: {OLD}"));
        assert_eq!(seen(OLD, "rollback_completed@now", &[]), "given up: rollback_completed: because");
        assert_eq!(seen(OLD, "rollback_started@now", &[("a", NEW, "failed", "shutdown")]), "failed a");
        let waiting = ("a", NEW, "pending", "running");
        assert_eq!(seen(NEW, "updating@now", &[waiting]), "no node: no suitable node");
    }
}
