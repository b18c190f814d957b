use ci_core::Engine;
use ci_core::current::{Current, all, constant};
use ci_core::store::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Answer, Child, Ci, World, head, make};

fn pipeline() -> Current<()> {
    all([make("image", &head("main")).ignore()])
}

fn world() -> World {
    let world = World::default();
    world.set("main", 1);
    world
}

async fn run_held(state: &std::path::Path) {
    let world = world();
    world.answer("make image.1", Answer::HoldDeaf);
    let engine = Engine::open(state).unwrap().with(world.clone());
    let told = async {
        world.is_held("make image.1").await;
        Child::say("held");
    };
    let (ended, ()) = tokio::join!(engine.run(pipeline), told);
    ended.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_signal_and_what_it_did_is_found_again() {
    if let Some(state) = Child::state() {
        return run_held(&state).await;
    }
    for signal in [Signal::TERM, Signal::INT] {
        let state = tempfile::tempdir().unwrap();
        let name = "a_process_with_an_engine_ends_when_it_should::by_a_signal_and_what_it_did_is_found_again";
        let mut child = Child::of(name, state.path(), |command| command);
        child.hears("held");
        kill_process(Pid::from_child(&child.process), signal).unwrap();
        assert!(child.ends(), "it was told to: that is no failure");
        let job = {
            let store = Store::open(state.path()).unwrap();
            let cut = store.open_intents();
            assert_eq!(cut.len(), 1, "what ran is on record as cut");
            let log = std::fs::read_to_string(store.log_path(&cut[0].intent.job)).unwrap();
            assert!(log.contains("making image.1"), "{log}");
            store.close();
            cut[0].intent.job.clone()
        };
        let world = world();
        let mut ci = Ci::start(state.path(), &world, pipeline);
        assert_eq!(ci.ok("image.1").await, job, "the same job goes on");
        ci.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_cause_when_the_engine_breaks() {
    let state = tempfile::tempdir().unwrap();
    let broken = || Engine::open(state.path()).unwrap().traced(|_| panic!("two and two are five"));
    let error = broken().run(|| constant(())).await.unwrap_err().to_string();
    assert!(error.contains("this is a bug: two and two are five"), "{error}");

    let handle = broken().start(|| constant(())).unwrap();
    handle.ended().await;
    let told = handle.status().borrow().outcome.clone().unwrap_err().to_string();
    assert!(told.contains("two and two are five"), "{told}");
    assert_eq!((handle.live().await, handle.snapshot().await.nodes.len()), (vec![], 0), "nobody hangs");
}
