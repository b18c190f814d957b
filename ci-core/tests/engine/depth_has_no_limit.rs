use ci_core::Engine;
use ci_core::current::constant;

const DEPTH: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_lowered_runs_and_is_dropped() {
    let state = tempfile::tempdir().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let chain = (0..DEPTH).fold(constant(0_u64), |chain, _| chain.map(|n| n + 1));
    let end = chain.map(move |n| tell.send(*n).expect("the test waits"));
    let kept = chain.clone();
    let handle = Engine::open(state.path()).unwrap().start(|| end).unwrap();
    handle.status().wait_for(|status| status.outcome.is_ok()).await.unwrap();
    assert_eq!(told.recv().unwrap(), DEPTH);
    assert_eq!(handle.snapshot().await.nodes.len() as u64, DEPTH + 2);
    handle.stop().await;
    drop(chain);
    drop(kept);
}
