use std::sync::{Mutex, mpsc};

use ci_core::current::{Counts, all, input};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::{Ci, World, head, make};

/// Who asks waits for no step, and nothing is gone through for it: what there is belongs to the engine's thread.
#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_step() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let (hold, held) = input("held", false);
    let (entered, mut inside) = unbounded_channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let held = held.map(move |hold| {
        if *hold {
            entered.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
        }
    });
    let ci = Ci::start(state.path(), &world, || {
        let images = (0..100).map(|_| make("image", &head("main")).ignore());
        all(images.chain([held]))
    });
    ci.done().await;
    hold.set(true);
    inside.recv().await.unwrap();
    let counts = Counts { ok: 200, ..Counts::default() };
    assert_eq!(ci.handle.counts(), counts);
    go.send(()).unwrap();
    ci.stop().await;
}
