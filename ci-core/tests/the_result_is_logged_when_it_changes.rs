//! One line for each change of what the whole pipeline comes to, and none for a step that leaves it as it was.

use ci_core::current::input;
use ci_core::{Engine, OpError};

#[path = "support/log.rs"]
mod log;

#[tokio::test(flavor = "multi_thread")]
async fn the_result_is_logged_when_it_changes() {
    let log = log::Log::heard();
    let state = tempfile::tempdir().unwrap();
    let (set, left) = input("left", 9);
    let pipeline = left.try_map(|left| match left {
        2.. => Ok(()),
        _ => Err(OpError::permanent("too few are left")),
    });
    let engine = Engine::open(state.path()).unwrap().start(|| pipeline).unwrap();
    let mut status = engine.status();
    status.wait_for(|status| status.step == 1).await.unwrap();
    for (step, left) in (2..).zip([8, 1, 0, 3, 2]) {
        set.set(left);
        status.wait_for(|status| step <= status.step).await.unwrap();
    }
    engine.stop().await;
    let log = log.text();
    let results: Vec<_> =
        log.lines().filter_map(|line| line.split_once("Result: ")).map(|(_, r)| r).collect();
    assert_eq!(results, ["ok", "failed: too few are left", "ok"], "{log}");
    assert!(log.lines().filter(|line| line.contains("Result: ")).all(|line| line.contains("INFO")), "{log}");
}
