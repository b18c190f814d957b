//! Who blocks the engine's thread is told by name, after a few times at the latest.

use std::time::Duration;

use ci_core::Engine;
use ci_core::current::input;

/// More than is needed for a closure to be noticed.
const TIMES: u32 = 5;

#[path = "support/log.rs"]
mod log;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_closure_is_named_in_the_log() {
    let log = log::Log::heard();
    let state = tempfile::tempdir().unwrap();
    let (set, page) = input("page", 0);
    let slow = page.map(|page| {
        // What a closure must not do.
        std::thread::sleep(Duration::from_millis(20));
        *page
    });
    let engine = Engine::open(state.path()).unwrap().start(|| slow.ignore()).unwrap();
    let mut status = engine.status();
    status.wait_for(|status| status.step == 1).await.unwrap();
    for time in 1..=TIMES {
        set.set(time);
        status.wait_for(|status| u64::from(time) < status.step).await.unwrap();
    }
    engine.stop().await;
    let log = log.text();
    let told: Vec<_> = log.lines().filter(|line| line.contains("map of page took ")).collect();
    assert!(!told.is_empty() && told.iter().all(|line| line.contains("WARN")), "{log}");
}
