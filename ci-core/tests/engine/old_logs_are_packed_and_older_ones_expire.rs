use std::time::Duration;

use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::job::{LogReader, LogText};
use ci_core::logs::{Due, InUse, Keep, Shelf};
use ci_core::{Current, FailureKind, JobId};

use crate::support::{Answer, Ci, World, head, make, put};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore(), make("test", &head("main")).ignore()])
}

fn now_ms() -> u64 {
    ci_core::clock::now_ms()
}

/// What is due when so much time has passed.
async fn due(ci: &Ci, after: Duration, keep: &Keep) -> Vec<Due> {
    let (in_use, is_whole) = ci.handle.logs_in_use().await.unwrap();
    assert!(is_whole);
    Shelf::of(ci.handle.store()).due(keep, &in_use, now_ms() + after.as_millis() as u64).unwrap()
}

fn settle(ci: &Ci, all: &[Due]) {
    let shelf = Shelf::of(ci.handle.store());
    assert!(all.iter().all(|due| shelf.settle(due).is_ok()));
}

async fn read(ci: &Ci, job: &JobId, from: u64) -> Option<String> {
    let mut reader: LogReader = ci.handle.follow(job.clone(), from).await?;
    let mut seen = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        seen.extend(chunk);
    }
    Some(String::from_utf8(seen).unwrap())
}

/// Its operations' newest jobs: of `put`, and of `make` in the order of the pipeline.
async fn newest(ci: &Ci) -> Vec<JobId> {
    ci.handle.stages().await.into_iter().map(|stage| stage.job.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn but_not_what_tells_of_the_newest_results_of_what_is_asked_for() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    let old = newest(&ci).await;
    let was = read(&ci, &old[0], 0).await.unwrap();
    world.set("main", 2);
    ci.until(|status| status.outcome.is_ok() && world.history("site").len() == 2).await;
    let new = newest(&ci).await;
    assert!(old.iter().all(|job| !new.contains(job)), "each ran again");
    let keep = Keep::default();
    assert_eq!(due(&ci, DAY, &keep).await, []);
    // After some days all are packed, and read the same from any offset.
    let packed = due(&ci, 3 * DAY, &keep).await;
    assert!(packed.len() == 6 && packed.iter().all(|due| due.expires.is_none()), "{packed:?}");
    settle(&ci, &packed);
    assert!(old.iter().chain(&new).all(|job| !ci.handle.store().log_path(job).exists()));
    assert_eq!(read(&ci, &old[0], 0).await.unwrap(), was);
    assert_eq!(read(&ci, &old[0], 7).await.unwrap(), was[7..]);
    assert_eq!(due(&ci, 3 * DAY, &keep).await, []);
    // After a year the old ones go.
    let gone = due(&ci, 365 * DAY, &keep).await;
    assert!(gone.iter().all(|due| due.expires.is_some()), "{gone:?}");
    let mut jobs: Vec<_> = gone.iter().map(|due| due.job.clone()).collect();
    jobs.sort();
    let mut expected = old.clone();
    expected.sort();
    assert_eq!(jobs, expected);
    settle(&ci, &gone);
    assert!(old.iter().all(|job| !LogText::is_kept(&ci.handle.store().log_path(job))));
    assert_eq!(read(&ci, &old[0], 0).await, None);
    assert!(read(&ci, &new[0], 0).await.is_some());
    assert_eq!(due(&ci, 365 * DAY, &keep).await, []);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_not_while_a_job_is_not_over() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make test.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let running = ci.job("test.1", |phase| *phase == Phase::Running).await;
    world.is_held("make test.1").await;
    ci.until(|_| world.history("site").len() == 1).await;
    let nothing = Keep { plain: Duration::ZERO, age: Duration::ZERO, count: 0, bytes: 0 };
    let (in_use, is_whole) = ci.handle.logs_in_use().await.unwrap();
    assert!(!is_whole, "something is under way");
    let later = now_ms() + 365 * DAY.as_millis() as u64;
    let shelf = Shelf::of(ci.handle.store());
    let packed = shelf.due(&nothing, &in_use, later).unwrap();
    assert!(!packed.is_empty() && packed.iter().all(|due| due.job != running), "{packed:?}");
    // One that a crash cut has no job in an engine.
    ci.stop().await;
    world.lose("main", FailureKind::Infrastructure, "not there now");
    let ci = Ci::start(state.path(), &world, pipeline);
    let (in_use, is_whole) = ci.handle.logs_in_use().await.unwrap();
    assert!(!is_whole, "the head was not read since the start");
    let all = Shelf::of(ci.handle.store()).due(&nothing, &in_use, later).unwrap();
    assert!(all.iter().all(|due| due.job != running), "{all:?}");
    ci.stop().await;
    assert!(ci_stopped(&shelf));
}

/// It needs no engine to be asked.
fn ci_stopped(shelf: &Shelf) -> bool {
    shelf.due(&Keep::default(), &InUse::default(), 0).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_noted_for_a_start_that_does_not_know_it_yet() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    let shelf = Shelf::of(ci.handle.store());
    assert_eq!(shelf.noted().unwrap(), None);
    let (known, is_whole) = ci.handle.logs_in_use().await.unwrap();
    assert!(is_whole);
    shelf.note(&known).unwrap();
    ci.stop().await;
    world.lose("main", FailureKind::Infrastructure, "not there now");
    let ci = Ci::start(state.path(), &world, pipeline);
    let (in_use, is_whole) = ci.handle.logs_in_use().await.unwrap();
    assert!(!is_whole && in_use != known);
    let noted = shelf.noted().unwrap().unwrap();
    assert_eq!(in_use.and(noted), known);
    shelf.note(&InUse::default()).unwrap();
    assert_eq!(shelf.noted().unwrap(), Some(InUse::default()));
    ci.stop().await;
}
