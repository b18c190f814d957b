//! What is set is seen: before the start and after, by each engine, and an equal value moves nothing.

use ci_core::current::{Input, input};
use ci_core::engine::Handle;
use ci_core::{Current, Engine};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// An engine that tells each value of a current.
struct Follower {
    engine: Handle,
    seen: UnboundedReceiver<u32>,
    _state: TempDir,
}

impl Follower {
    fn of(current: &Current<u32>) -> Self {
        let (tell, seen) = unbounded_channel();
        let state = tempfile::tempdir().expect("a folder can be made");
        let told = current.map(move |value| tell.send(*value).expect("the test listens"));
        let engine = Engine::open(state.path()).expect("it is new");
        let engine = engine.start(|| told).expect("nothing has to be bound");
        Self { engine, seen, _state: state }
    }

    /// The next value.
    async fn next(&mut self) -> u32 {
        self.seen.recv().await.expect("the engine lives")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_is_followed_by_every_engine_that_runs_it() {
    let (set, current) = input("number", 0);
    set.set(1);
    let (mut a, mut b) = (Follower::of(&current), Follower::of(&current));
    assert_eq!((a.next().await, b.next().await), (1, 1));
    set.set(2);
    assert_eq!((a.next().await, b.next().await), (2, 2));
    assert_eq!(set.get(), 2);

    set.set(2);
    set.clone().set(3);
    assert_eq!((a.next().await, b.next().await), (3, 3), "an equal value is no change");

    a.engine.stop().await;
    set.set(4);
    assert_eq!(b.next().await, 4, "an engine that has ended is no hindrance");
    b.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_many_values_is_seen() {
    let (set, current) = input("number", 0);
    let mut engine = Follower::of(&current);
    assert_eq!(engine.next().await, 0);
    let others: Vec<_> = (1..4)
        .map(|n: u32| {
            let set: Input<u32> = set.clone();
            std::thread::spawn(move || (0..1000).for_each(|i| set.set(n * 1000 + i)))
        })
        .collect();
    others.into_iter().for_each(|other| other.join().unwrap());
    set.set(9);
    while engine.next().await != 9 {}
    engine.engine.stop().await;
}
