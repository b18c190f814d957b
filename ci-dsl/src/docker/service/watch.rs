//! Watching an update by our own eyes, until it is good or bad.

use std::collections::BTreeSet;
use std::time::Duration;

use ci_core::{Failure, FailureKind, Job, OpError};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep};

use super::lives::Lives;
use super::state::{self, ServiceState};
use super::tasks::{self, Task};
use super::{
    Evidence, Handle, Health, POLL, Phase, SILENCE_MAX, TaskEvidence, UpdateOptions, changed_by_hand, enter,
    hindrance, image, last_words, place,
};
use crate::docker::api::{Api, ApiError};

/// How long a task may find no node before the update is taken back. Swarm itself waits for ever.
const NO_NODE_MAX: Duration = Duration::from_secs(10);

/// How often engines may go away under each task that is wanted, before the version is suspected of it.
const TAKEN_DOWN_MAX: u64 = 3;

/// How many tasks are asked at the same time.
const ASKED_AT_ONCE_MAX: usize = 8;

/// How a watch ended.
pub(super) enum Seen {
    Stable(Evidence),
    Bad(Failure),
    /// Somebody removed the service: nothing is left to take back.
    Removed,
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
    /// Tasks of the update are over, but not by themselves.
    EngineWentAway(Vec<String>),
    /// Swarm gave up; what it says.
    GivenUp(String),
    /// Swarm gave up because of a task that its engine took down; what it says.
    GivenUpForAnEngine(String),
    /// Somebody set another image.
    ChangedByHand(String),
    /// Somebody wants no task for now.
    ScaledToNothing,
    /// Somebody removed the service.
    Removed,
}

/// One look's meaning, without time and without probes.
fn judge(
    service: &ServiceState,
    tasks: &[Task],
    handle: &Handle,
    went_away_under: impl Fn(&Task) -> bool,
) -> Look {
    let failed = tasks.iter().filter(|task| task.is_new(handle) && task.has_failed());
    let (taken_down, failed): (Vec<&Task>, Vec<&Task>) = failed.partition(|task| went_away_under(task));
    if let Some(failed) = failed.first() {
        return Look::TaskFailed((*failed).clone());
    }
    if let Some(first) = taken_down.first() {
        let ids = || taken_down.iter().map(|task| task.id.clone()).collect();
        return match is_suspect(service, tasks, handle) {
            true => Look::TaskFailed((*first).clone()),
            false => Look::EngineWentAway(ids()),
        };
    }
    // What Swarm says of an earlier update is no news.
    let update =
        service.update.as_ref().filter(|u| handle.swarm_update_before.as_ref() != Some(&u.started_at));
    if let Some(update) = update.filter(|u| u.state == "paused" || u.state.starts_with("rollback")) {
        let why = format!("{}: {}", update.state, update.message);
        // What it says of an update names a task that the update made: those among `tasks_before` were taken down.
        let names_taken_down = 0 < handle.taken_down
            && handle.tasks_before.iter().any(|id| update.message.contains(id.as_str()));
        return match names_taken_down && !is_suspect(service, tasks, handle) {
            true => Look::GivenUpForAnEngine(why),
            false => Look::GivenUp(why),
        };
    }
    if !image::same(&service.image, &handle.wanted) {
        return Look::ChangedByHand(service.image.clone());
    }
    if service.replicas() == Some(0) {
        return Look::ScaledToNothing;
    }
    let wanted: Vec<&Task> = tasks.iter().filter(|task| task.is_wanted()).collect();
    let (new, old): (Vec<&Task>, Vec<&Task>) =
        wanted.into_iter().partition(|task| image::same(&task.image, &handle.wanted));
    if let Some(why) = new.iter().find_map(|task| task.no_node()) {
        return Look::NoNode(why.to_owned());
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

/// Whether engines went away so often under the version that it may be its doing.
fn is_suspect(service: &ServiceState, tasks: &[Task], handle: &Handle) -> bool {
    // A global service wants a task on every node that is there, whichever of them has lost its own just now.
    let now = || tasks.iter().filter(|task| task.is_wanted()).count().max(1) as u64;
    let wanted = service.replicas().unwrap_or_else(now);
    wanted.saturating_mul(TAKEN_DOWN_MAX) <= handle.taken_down
}

fn settling(running: &[Task]) -> String {
    format!("{} tasks run; Swarm is still watching them", running.len())
}

/// Looks until it is good or bad. Tasks that their engine took down are noted in the handle.
///
/// # Errors
///
/// [`FailureKind::Permanent`] when a person changed the service: it is theirs then, and nothing is taken back.
/// [`FailureKind::Infrastructure`] when the engine has gone away: when it is back, all is to be watched again.
pub(super) async fn watch(
    api: &Api,
    job: &Job,
    handle: &mut Handle,
    options: &UpdateOptions,
) -> Result<Seen, OpError> {
    let mut begun = Instant::now();
    let mut silent_since = None;
    let mut no_node_since = None;
    let mut good: Option<(Vec<String>, Instant)> = None;
    let mut said = String::new();
    loop {
        if let Some(asked) = job.cancel().is_requested().filter(|e| e.kind() == FailureKind::Cancelled) {
            let message = format!("service {}: {asked}", handle.name);
            return Ok(Seen::Bad(Failure { kind: asked.kind(), message, hint: None }));
        }
        let mut late = options.timeout <= begun.elapsed();
        let now = match look(api, handle).await {
            Ok(look) => {
                silent_since = None;
                look
            }
            Err(error) => {
                let since = *silent_since.get_or_insert_with(Instant::now);
                if late || SILENCE_MAX <= since.elapsed() {
                    return Err(error.into());
                }
                Look::Waiting(error.to_string())
            }
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
                    return Ok(Seen::Bad(Failure::from(&hindrance::no_node(
                        &handle.name,
                        &new_version(handle),
                        &why,
                    ))));
                }
                format!("no node takes it: {why}")
            }
            Look::EngineWentAway(tasks) => {
                let ids = tasks.join(", ");
                handle.taken_down += tasks.len() as u64;
                handle.tasks_before.extend(tasks);
                if handle.phase == Phase::Updated {
                    enter(job, handle, Phase::Updated).await;
                }
                (begun, late) = (Instant::now(), false);
                format!("the engine went away under task {ids}: watching anew what Swarm starts instead")
            }
            Look::TaskFailed(task) => return Ok(Seen::Bad(task_failed(api, job, handle, &task).await)),
            Look::GivenUp(why) => {
                return Ok(Seen::Bad(bad(handle, &format!("did not stay up: Swarm says {why}"))));
            }
            Look::GivenUpForAnEngine(why) => return Ok(Seen::Bad(engine_went_away(handle, &why))),
            Look::ChangedByHand(image) => return Err(changed_by_hand(handle, &image)),
            // The note stays: it is watched again when there is something to watch.
            Look::ScaledToNothing => return Err(state::scaled_to_nothing(&handle.name)),
            Look::Removed => return Ok(Seen::Removed),
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
    let Some(service) = state::by_id(api, handle).await? else { return Ok(Look::Removed) };
    match judged(api, &service, &tasks, handle).await? {
        // The task for which it gave up may have ended since the list was read: the task says more.
        Look::GivenUp(_) => {
            let tasks = tasks::list(api, &handle.service).await?;
            judged(api, &service, &tasks, handle).await
        }
        look => Ok(look),
    }
}

/// Judges with the lives of the engines, if a task has failed.
async fn judged(
    api: &Api,
    service: &ServiceState,
    tasks: &[Task],
    handle: &Handle,
) -> Result<Look, ApiError> {
    let lives = match tasks.iter().any(|task| task.is_new(handle) && task.has_failed()) {
        true => Some(Lives::read(api).await?),
        false => None,
    };
    let went_away_under = |task: &Task| lives.as_ref().is_some_and(|lives| lives.ended_under(task));
    Ok(judge(service, tasks, handle, went_away_under))
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
    let message = format!("service {}: {} {what}", handle.name, new_version(handle));
    Failure { kind: FailureKind::Permanent, message, hint: None }
}

/// Swarm gave the update up since an engine went away: no commit can help that.
fn engine_went_away(handle: &Handle, why: &str) -> Failure {
    let (name, version) = (&handle.name, new_version(handle));
    Failure {
        kind: FailureKind::Infrastructure,
        message: format!("service {name}: {version} lost its engine, and Swarm gave it up: {why}"),
        hint: Some("see `docker node ls`; it is tried again by itself".to_owned()),
    }
}

fn new_version(handle: &Handle) -> String {
    format!("new version {}", image::short(&handle.wanted))
}

/// Tells the log the task's last words, and makes its end the failure.
async fn task_failed(api: &Api, job: &Job, handle: &Handle, task: &Task) -> Failure {
    if let Some(why) = task.port_taken() {
        return Failure::from(&hindrance::port_taken(&handle.name, &new_version(handle), why));
    }
    let error = if task.error.is_empty() { &task.state } else { &task.error };
    // A task that never had a container has no exit code, whatever the field holds.
    let code = task.exit_code.filter(|_| !task.container.is_empty());
    let code = code.map_or_else(String::new, |code| format!(", exit code {code}"));
    let lines = last_words::of(api, task).await;
    if !lines.is_empty() {
        job.say(format_args!("last lines of task {}:\n{}", task.id, lines.join("\n")));
    }
    let before = match handle.taken_down {
        0 => String::new(),
        times => format!(", after its engine had gone away under {times} tasks"),
    };
    bad(handle, &format!("did not stay up: {error}{code}{before}"))
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
            taken_down: 0,
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
                node: String::new(),
                created_at: None,
                attached: None,
                tty: false,
                health_check: None,
            }
        };
        lines.iter().map(task).collect()
    }

    fn seen(image: &str, says: &str, lines: &[(&str, &str, &str, &str)]) -> String {
        seen_after(0, image, says, lines)
    }

    /// The same, after engines have taken down so many tasks. Those whose id begins with `x` are among those.
    fn seen_after(taken_down: u64, image: &str, says: &str, lines: &[(&str, &str, &str, &str)]) -> String {
        told(&service(image, says), &tasks(lines), &Handle { taken_down, ..handle() })
    }

    fn told(service: &ServiceState, tasks: &[Task], handle: &Handle) -> String {
        let went_away_under = |task: &Task| task.id.starts_with('x');
        match judge(service, tasks, handle, went_away_under) {
            Look::Running(tasks, version) => {
                let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
                format!("running {} in version {version}", ids.join(" "))
            }
            Look::Waiting(how_far) => how_far,
            Look::NoNode(why) => format!("no node: {why}"),
            Look::TaskFailed(task) => format!("failed {}", task.id),
            Look::EngineWentAway(ids) => format!("taken down {}", ids.join(" ")),
            Look::GivenUp(why) => format!("given up: {why}"),
            Look::GivenUpForAnEngine(why) => format!("given up for an engine: {why}"),
            Look::ChangedByHand(image) => format!("by hand: {image}"),
            Look::ScaledToNothing => "scaled to nothing".to_owned(),
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
    fn what_its_engine_takes_down_is_no_failure_unless_that_goes_on() {
        let fine = ("a", NEW, "running", "running");
        let (x, y) = (("x1", NEW, "failed", "shutdown"), ("x2", NEW, "complete", "shutdown"));
        assert_eq!(seen(NEW, "", &[fine, x, y]), "taken down x1 x2");
        assert_eq!(seen(NEW, "", &[fine, x, ("c", NEW, "failed", "shutdown")]), "failed c");
        // Two replicas are wanted.
        let most = 2 * TAKEN_DOWN_MAX;
        assert_eq!(seen_after(most - 1, NEW, "", &[fine, x]), "taken down x1");
        assert_eq!(seen_after(most, NEW, "", &[fine, x]), "failed x1");
    }

    #[test]
    fn nodes_that_reboot_one_by_one_are_no_fault_of_a_global_service() {
        let global = ServiceState { spec: json!({"Mode": {"Global": {}}}), ..service(NEW, "") };
        let ids = ["a", "b", "c", "d"];
        let mut all: Vec<_> = ids.iter().map(|id| (*id, NEW, "running", "running")).collect();
        all.push(("x1", NEW, "failed", "shutdown"));
        let after = |taken_down| told(&global, &tasks(&all), &Handle { taken_down, ..handle() });
        let most = 4 * TAKEN_DOWN_MAX;
        assert_eq!(after(most - 1), "taken down x1");
        assert_eq!(after(most), "failed x1");
        let alone = tasks(&[("x1", NEW, "failed", "shutdown")]);
        assert_eq!(told(&global, &alone, &handle()), "taken down x1");
    }

    #[test]
    fn an_update_that_swarm_gives_up_since_an_engine_went_away_is_tried_again_unless_that_goes_on() {
        let running = tasks(&[("a", NEW, "running", "running")]);
        let said = |task: &str, taken_down| {
            let mut service = service(NEW, "paused@now");
            let update = service.update.as_mut().expect("it is paused");
            update.message = format!("update paused due to failure or early termination of task {task}");
            // Of an earlier look.
            let tasks_before = vec!["before".to_owned(), "x1".to_owned()];
            let told = told(&service, &running, &Handle { taken_down, tasks_before, ..handle() });
            told.split_once(": ").map(|(what, _)| what.to_owned()).expect("it says why")
        };
        assert_eq!(said("x1", 1), "given up for an engine");
        assert_eq!(said("c", 1), "given up", "this one was not taken down");
        assert_eq!(said("x1", 0), "given up", "none was taken down");
        let most = 2 * TAKEN_DOWN_MAX;
        assert_eq!(said("x1", most - 1), "given up for an engine");
        assert_eq!(said("x1", most), "given up");
        assert_eq!(engine_went_away(&handle(), "why").kind, FailureKind::Infrastructure);
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

    #[test]
    fn no_task_at_all_is_no_proof_that_a_version_works() {
        let mut none = service(NEW, "completed@now");
        none.spec = json!({"Mode": {"Replicated": {"Replicas": 0}}});
        assert_eq!(told(&none, &[], &handle()), "scaled to nothing");
    }
}
