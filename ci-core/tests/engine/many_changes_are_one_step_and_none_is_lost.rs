use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use ci_core::Current;
use ci_core::current::{all, input};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_during_a_step_is_seen_by_the_next() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (stop, stopped) = input("stop", false);
    let (entered, mut inside) = unbounded_channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let held = stopped.map(move |stop| {
        if *stop {
            entered.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
        }
    });
    let seen = Arc::new(AtomicU32::new(0));
    let (inputs, currents): (Vec<_>, Vec<_>) = (0..100).map(|_| input("number", 0)).unzip();
    let counted = currents.iter().map(|current| {
        let seen = seen.clone();
        current.map(move |n| _ = seen.fetch_add(*n, Ordering::Relaxed))
    });
    let pipeline: Vec<Current<()>> = counted.chain([held]).collect();
    let ci = Ci::start(state.path(), &world, || all(pipeline));
    ci.done().await;
    assert_eq!(ci.handle.status().borrow().step, 1);
    stop.set(true);
    inside.recv().await.unwrap();
    for input in &inputs {
        input.set(7);
        input.set(1);
    }
    go.send(()).unwrap();
    ci.until(|status| 3 <= status.step).await;
    assert_eq!(seen.load(Ordering::Relaxed), 100, "all of it in the step after, the last of each");
    stop.set(false);
    let status = ci.until(|status| 4 <= status.step).await;
    assert_eq!(status.step, 4, "the hundred changes made one step");
    assert_eq!(ci.handle.evaluation().steps, 4);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_by_the_pipeline_itself() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (set, first) = input("number", 0);
    let (echo, second) = input("number", 0);
    let (tell, mut told) = unbounded_channel();
    let pipeline = [first.map(move |n| echo.set(*n)), second.map(move |n| tell.send(*n).unwrap())];
    let ci = Ci::start(state.path(), &world, || all(pipeline));
    for n in 1..=50 {
        set.set(n);
        while told.recv().await.unwrap() != n {}
    }
    ci.stop().await;
}
