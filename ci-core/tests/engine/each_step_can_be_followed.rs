use std::sync::{Arc, Mutex, mpsc};

use ci_core::Engine;
use ci_core::current::{Activity, Pending, all, input};
use ci_core::engine::Status;

use tokio::sync::watch;

use crate::support::{Answer, Ci, PATIENCE, World, head, make};

#[tokio::test(flavor = "multi_thread")]
async fn with_its_number_the_outcome_and_the_jobs_under_way() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let told = steps.clone();
    let traced = |engine: Engine| {
        engine.traced(move |step| {
            let outcome = step.status.outcome.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
            let live: Vec<_> = step.live().into_iter().map(|job| job.summary).collect();
            assert_eq!(step.evaluation.steps, step.status.step);
            told.lock().unwrap().push((step.status.step, outcome, live));
        })
    };
    let ci = Ci::with(state.path(), &world, traced, || all([make("image", &head("main")).ignore()]));
    world.is_held("make image.1").await;
    ci.until(|status| status.outcome == Err(Pending::Active(Activity::Running))).await;
    ci.until(|status| 3 <= status.step).await;
    world.let_go("make image.1");
    ci.done().await;
    ci.stop().await;
    let steps = steps.lock().unwrap();
    assert!(steps.iter().map(|(number, ..)| *number).eq(1..=steps.len() as u64), "{steps:?}");
    let image = vec!["image.1".to_owned()];
    assert!(steps.iter().any(|(_, outcome, live)| outcome == "running" && *live == image), "{steps:?}");
    assert_eq!(steps.last().map(|(_, outcome, live)| (outcome.as_str(), live.len())), Some(("ok", 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn and_is_counted_with_what_it_did() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (set, current) = input("number", 1);
    let ci = Ci::start(state.path(), &world, || current.map(|n| n % 2).map(|odd| odd + 1).ignore());
    ci.done().await;
    let first = ci.handle.evaluation();
    assert_eq!((first.steps, first.recomputed, first.changed), (1, 4, 4));
    set.set(2);
    ci.until(|status| status.step == 2).await;
    let second = ci.handle.evaluation();
    assert_eq!((second.steps, second.recomputed, second.changed), (2, 8, 7), "() is () again");
    set.set(4);
    ci.until(|status| status.step == 3).await;
    let third = ci.handle.evaluation();
    assert_eq!((third.steps, third.recomputed, third.changed), (3, 10, 8), "4 is as even as 2");
    assert!(first.time < second.time && second.time < third.time);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_says_how_much_is_held_which_is_nothing_when_nothing_is_wanted() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (told, mut held) = watch::channel(0);
    let traced = |engine: Engine| engine.traced(move |step| _ = told.send_replace(step.held()));
    let (set, names) = input("names", vec![1, 2, 3]);
    let ci =
        Ci::with(state.path(), &world, traced, || all([names.each("name", |n| make("image", n)).ignore()]));
    for (names, expected) in [(vec![1, 2, 3], 3), (vec![2], 1), (vec![], 0), (vec![4, 5], 2)] {
        set.set(names);
        let reached = tokio::time::timeout(PATIENCE, held.wait_for(|held| *held == expected)).await;
        assert!(reached.is_ok(), "{expected} are never held");
    }
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_before_the_first_the_engine_is_running() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let (_, current) = input("start", ());
    let ci = Ci::start(state.path(), &world, || current.map(move |()| gone.lock().unwrap().recv().unwrap()));
    let booting = Status { outcome: Err(Pending::Active(Activity::Running)), doubts: 0, step: 0 };
    assert_eq!(*ci.handle.status().borrow(), booting);
    go.send(()).unwrap();
    ci.done().await;
    ci.stop().await;
}
