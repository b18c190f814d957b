use ci_core::current::all;
use ci_core::{Engine, Level, OpError, Refused};

use crate::support::{Answer, Ci, World, head, make, never_again, put, run};

#[tokio::test(flavor = "multi_thread")]
async fn no_job_no_monitor_no_lock() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    for name in ["a", "b", "c", "d"] {
        world.set(name, 1);
    }
    world.answer("make image.1", Answer::HoldDeaf);
    world.answer("make again.1", Answer::Fail(OpError::transient("busy")));
    world.answer("read d", Answer::Hold);
    let set = |engine: Engine| engine.paced(never_again()).confirm(Some(Level::Dangerous));
    let mut ci = Ci::with(state.path(), &world, set, || {
        all([
            make("image", &head("a")).ignore(),
            make("again", &head("b")).ignore(),
            put("site", &make("other", &head("c"))).ignore(),
            run(&make("third", &head("d"))).ignore(),
        ])
    });
    ci.waits("site := <other.1>").await;
    world.is_held("make image.1").await;
    world.is_held("read d").await;
    let handle = ci.handle.clone();
    handle.stop().await;
    drop(ci);
    assert_eq!(world.users(), 1, "whatever worked on it is gone");
    assert_eq!(world.held(), [""; 0]);
    Engine::open(state.path()).expect("the state directory is free again");
    handle.stop().await;
    handle.ended().await;
    assert_eq!(handle.jobs(10).await, []);
    let job = "2026-11-20/124301-make-0a2b3c".parse().unwrap();
    assert_eq!(handle.cancel(job, "ada").await, Err(Refused::Stopping));
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_the_last_handle() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::HoldDeaf);
    let ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    world.is_held("make image.1").await;
    let mut status = ci.handle.status();
    drop(ci);
    while status.changed().await.is_ok() {}
    assert_eq!(world.users(), 1);
}
