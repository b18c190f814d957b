//! What stands now, and what was counted since the start, whoever asks.

use std::sync::Arc;

use ci_core::current::{all, build_with, constant};
use ci_core::event::Phase;
use ci_core::pool::Pool;
use ci_core::{Bind, Bindings, Builder, DEFAULT, Job, Level, OpError, OpId, Unbound};
use tokio::sync::Semaphore;

use crate::support::{Ci, World};

/// Lasts until the test lets it end.
#[derive(Clone)]
struct Pooled {
    pool: Pool,
    may_end: Arc<Semaphore>,
}

impl Bind for Pooled {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Pooled {
    const ID: OpId = OpId::new("pooled");
    const AUTO_CANCEL: bool = true;
    type Key = String;
    type Value = String;

    fn level(&self, _: &String) -> Level {
        Level::Average
    }

    fn pool(&self) -> Option<&Pool> {
        Some(&self.pool)
    }

    async fn build(&self, _: &Job, key: &String) -> Result<String, OpError> {
        self.may_end.acquire().await.expect("nobody closes it").forget();
        Ok(key.clone())
    }
}

fn lines(text: &str, about: &str) -> Vec<String> {
    let about = format!("ci_{about}");
    text.lines().filter(|line| line.starts_with(&about)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_there_for_prometheus() {
    let world = World::new("one");
    let pooled = Pooled { pool: Pool::new(r#"of "amd64""#, 1), may_end: Arc::new(Semaphore::new(0)) };
    let bound = pooled.clone();
    let mut ci = Ci::start_with_engine(
        &world,
        move |engine| engine.with(bound),
        || {
            let build = |key: &'static str| {
                let built =
                    build_with(&constant(()), DEFAULT, "pooled", move |_: &Pooled, ()| key.to_owned());
                built.ignore()
            };
            all([build("one"), build("two")])
        },
    );
    let (mut waits, mut runs) = (false, false);
    let both = |phase: &Phase| {
        waits |= matches!(phase, Phase::WaitingForSlot { .. });
        runs |= *phase == Phase::Running;
        waits && runs
    };
    ci.job("pooled", both).await;

    let answer = ci.get("/metrics").await;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    let pool = r#"{pool="of \"amd64\""}"#;
    let told = |text: &str, name: &str| lines(text, &format!("{name}{{pool"));
    assert_eq!(told(&answer.text, "pool_slots"), [format!("ci_pool_slots{pool} 1")]);
    assert_eq!(told(&answer.text, "pool_slots_in_use"), [format!("ci_pool_slots_in_use{pool} 1")]);
    assert_eq!(told(&answer.text, "pool_jobs_waiting"), [format!("ci_pool_jobs_waiting{pool} 1")]);
    assert_eq!(told(&answer.text, "pool_waits_total"), [format!("ci_pool_waits_total{pool} 1")]);
    assert_eq!(lines(&answer.text, r#"stages{state="running"}"#), [r#"ci_stages{state="running"} 1"#]);
    assert_eq!(lines(&answer.text, r#"stages{state="queued"}"#), [r#"ci_stages{state="queued"} 1"#]);
    assert_eq!(lines(&answer.text, "store_writable"), ["ci_store_writable 1"]);

    pooled.may_end.add_permits(2);
    ci.done().await;
    let text = ci.get("/metrics").await.text;
    assert_eq!(told(&text, "pool_slots_in_use"), [format!("ci_pool_slots_in_use{pool} 0")]);
    assert_eq!(told(&text, "pool_jobs_waiting"), [format!("ci_pool_jobs_waiting{pool} 0")]);
    assert_eq!(told(&text, "pool_waits_total"), [format!("ci_pool_waits_total{pool} 2")]);
    assert_eq!(told(&text, "pool_uses_total"), [format!("ci_pool_uses_total{pool} 2")]);
    assert!(told(&text, "pool_use_seconds_total")[0].ends_with(|digit: char| digit.is_ascii_digit()));
    assert_eq!(lines(&text, r#"stages{state="ok"}"#), [r#"ci_stages{state="ok"} 2"#]);
    let steps = ci.engine.evaluation().steps;
    assert_eq!(lines(&text, "engine_steps_total"), [format!("ci_engine_steps_total {steps}")]);
    ci.engine.stop().await;
}
