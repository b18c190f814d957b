//! An attempt that a crash cut is settled although nobody wants it yet. When somebody then wants its place, the two do
//! not work on it at the same time: the newer value waits.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ci_core::current::publish_with;
use ci_core::engine::Handle;
use ci_core::event::{Event, Phase, What};
use ci_core::{Bind, Bindings, Current, DEFAULT, Engine, Job, Level, OpError, OpId, Publisher, Unbound};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::support::{Answer, Name, PATIENCE, World, head, make};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place that takes its time. Clones are the same.
#[derive(Clone, Default)]
struct Place(Arc<Inside>);

#[derive(Default)]
struct Inside {
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
    resumed: AtomicUsize,
    publishing: Notify,
    resuming: Notify,
    go_on: Notify,
}

impl Bind for Place {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Inside {
    async fn work(&self, until: impl Future<Output = ()>) {
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_work.fetch_max(at_work, Ordering::SeqCst);
        until.await;
        self.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Publisher for Place {
    const ID: OpId = OpId::new("slow-put");
    type Key = Text;
    type Value = Text;
    type Outcome = Text;

    fn level(&self, _: &Text) -> Level {
        Level::Dangerous
    }

    async fn publish(&self, job: &Job, _: &Text, value: &Text) -> Result<Text, OpError> {
        job.note(&"putting").await?;
        self.0.publishing.notify_one();
        // The crash comes in the first one.
        let crash = async {
            if value.0 == "<image.1>" {
                std::future::pending().await
            }
        };
        self.0.work(crash).await;
        Ok(value.clone())
    }

    async fn resume(
        &self,
        _: &Job,
        _: &Text,
        value: &Text,
        _: Option<serde_json::Value>,
    ) -> Result<Option<Text>, OpError> {
        self.0.resumed.fetch_add(1, Ordering::SeqCst);
        self.0.resuming.notify_one();
        self.0.work(self.0.go_on.notified()).await;
        Ok(Some(value.clone()))
    }
}

fn pipeline() -> Current<()> {
    let image = make("image", &head("main"));
    publish_with(&image, DEFAULT, "put", |_: &Place, value: &Name| {
        (Text("site".to_owned()), Text(value.0.clone()))
    })
    .ignore()
}

fn start(state: &Path, world: &World, place: &Place) -> Handle {
    let engine = Engine::open(state).expect("the state is ours").with(world.clone()).with(place.clone());
    engine.start(pipeline).expect("everything is bound")
}

async fn soon(what: impl Future) {
    tokio::time::timeout(PATIENCE, what).await.expect("it never came to that");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_a_crash_cut_is_settled_by_one_task() {
    let state = tempfile::tempdir().expect("there is room for temporary files");
    let (world, place) = (World::default(), Place::default());
    world.set("main", 1);
    let cut = start(state.path(), &world, &place);
    soon(place.0.publishing.notified()).await;
    cut.stop().await;
    drop(cut);

    // A newer value, which takes a while until it is there: nobody wants the place when the engine starts.
    world.set("main", 2);
    world.answer("make image.2", Answer::Hold);
    place.0.at_work.store(0, Ordering::SeqCst);
    let engine = start(state.path(), &world, &place);
    soon(place.0.resuming.notified()).await;
    soon(world.is_held("make image.2")).await;
    let mut events = engine.events();
    world.let_go("make image.2");
    let made = |event: Event| matches!(event.what, What::Job { phase: Phase::Succeeded { .. }, .. });
    soon(async { while !made(events.recv().await.expect("the engine runs")) {} }).await;
    // Answered after the step in which the place is wanted.
    engine.snapshot().await;
    place.0.go_on.notify_one();
    let mut status = engine.status();
    soon(status.wait_for(|status| status.outcome.is_ok())).await;

    assert_eq!(place.0.resumed.load(Ordering::SeqCst), 1);
    assert_eq!(place.0.most_at_work.load(Ordering::SeqCst), 1);
    engine.stop().await;
}
