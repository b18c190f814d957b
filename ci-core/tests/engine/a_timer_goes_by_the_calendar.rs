use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ci_core::clock::Clock;
use ci_core::current::{all, every};
use ci_core::event::What;
use ci_core::{Current, Engine};

use crate::support::{Ci, World, make};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Time that stands still unless it is turned, for those who wait and for those who ask.
struct Time {
    now_ms: Arc<AtomicU64>,
    /// While something blocks, tokio's paused clock does not run ahead of the engine's thread.
    _stands: mpsc::Sender<()>,
}

impl Time {
    fn at(since_epoch: Duration) -> Self {
        let (stands, turned) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || turned.recv());
        Self { now_ms: Arc::new(AtomicU64::new(since_epoch.as_millis() as u64)), _stands: stands }
    }

    fn clock(&self) -> Clock {
        let now_ms = self.now_ms.clone();
        Clock::new(move || now_ms.load(Ordering::Relaxed))
    }

    async fn turn(&self, by: Duration) {
        self.now_ms.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
        tokio::time::advance(by).await;
    }

    fn set_back(&self, by: Duration) {
        self.now_ms.fetch_sub(by.as_millis() as u64, Ordering::Relaxed);
    }
}

fn hourly() -> Current<()> {
    all([make("report", &every(HOUR).map(|hour| *hour as u32)).ignore()])
}

fn start(state: &tempfile::TempDir, world: &World, time: &Time) -> Ci {
    let clock = time.clock();
    Ci::with(state.path(), world, |engine: Engine| engine.with(clock), hourly)
}

#[tokio::test(start_paused = true)]
async fn so_each_period_has_its_run_and_a_restart_none() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let time = Time::at(1000 * HOUR + 58 * MINUTE);
    let mut ci = start(&state, &world, &time);
    ci.ok("report.1000").await;
    ci.done().await;
    for _ in 0..2 {
        time.turn(MINUTE).await;
    }
    ci.ok("report.1001").await;
    ci.done().await;
    ci.stop().await;
    time.turn(30 * MINUTE).await;
    let ci = start(&state, &world, &time);
    ci.done().await;
    ci.stop().await;
    assert_eq!(world.trace(), ["make report.1000", "make report.1001"]);
    time.turn(5 * HOUR).await;
    let ci = start(&state, &world, &time);
    ci.done().await;
    ci.stop().await;
    assert_eq!(world.trace(), ["make report.1006"], "of what was missed, the newest");
}

#[tokio::test(start_paused = true)]
async fn but_never_back() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let time = Time::at(1000 * HOUR + 30 * MINUTE);
    let mut ci = start(&state, &world, &time);
    ci.ok("report.1000").await;
    ci.done().await;
    time.set_back(2 * HOUR);
    // It is 998:30 again. Each hour's beginning is passed slowly enough to be seen.
    for _ in 0..2 * 60 {
        time.turn(MINUTE).await;
        tokio::task::yield_now().await;
    }
    for _ in 0..30 {
        time.turn(MINUTE).await;
    }
    let next = ci.event(|event| match event {
        What::Read { value, .. } => Some(value.clone()),
        _ => None,
    });
    assert_eq!(next.await, "1001");
    ci.ok("report.1001").await;
    ci.done().await;
    ci.stop().await;
    assert_eq!(world.trace(), ["make report.1000", "make report.1001"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_is_no_period_fails() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let ci = Ci::start(state.path(), &world, || every(Duration::from_millis(999)).ignore());
    assert_eq!(ci.failed().await, "999ms is no period for a timer (hint: it is at least 1s long)");
    ci.stop().await;
}
