//! `GET /metrics`: figures for Prometheus, as OpenMetrics text. They are taken when they are asked for, and nothing is kept.
//!
//! Who has no token reads them as the pages, so they name pools and nothing of what runs in them.

use std::fmt;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ci_core::engine::{Evaluation, Handle};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::site::Site;

/// What OpenMetrics says that its text is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Seconds = Counter<f64, AtomicU64>;
type By<M> = Family<[(&'static str, String); 1], M>;

pub(crate) async fn metrics(site: State<Site>) -> Response {
    match text(&site.engine).await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn text(engine: &Handle) -> Result<String, fmt::Error> {
    let mut all = Registry::with_prefix("ci");
    pools(engine, &mut all).await;
    stages(engine, &mut all);
    steps(engine.evaluation(), &mut all);
    let writable = Gauge::<i64>::default();
    writable.set(engine.store().trouble().is_none().into());
    all.register("store_writable", "Whether the newest record could be written down (1)", writable);
    let mut text = String::new();
    encode(&mut text, &all)?;
    Ok(text)
}

/// Pools of one name are counted together.
async fn pools(engine: &Handle, all: &mut Registry) {
    let [slots, in_use, waiting] = [(); 3].map(|()| By::<Gauge>::default());
    let [waited, used] = [(); 2].map(|()| By::<Counter>::default());
    let [wait, usage] = [(); 2].map(|()| By::<Seconds>::default());
    for pool in engine.pools().await {
        let (name, meter) = ([("pool", pool.name().to_owned())], pool.meter());
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        slots.get_or_create(&name).inc_by(count(meter.capacity));
        in_use.get_or_create(&name).inc_by(count(meter.in_use));
        waiting.get_or_create(&name).inc_by(count(meter.waiting));
        waited.get_or_create(&name).inc_by(meter.wait.count);
        wait.get_or_create(&name).inc_by(meter.wait.sum.as_secs_f64());
        used.get_or_create(&name).inc_by(meter.usage.count);
        usage.get_or_create(&name).inc_by(meter.usage.sum.as_secs_f64());
    }
    all.register("pool_slots", "Slots there are", slots);
    all.register("pool_slots_in_use", "Slots that jobs have", in_use);
    all.register("pool_jobs_waiting", "Jobs that wait for a slot", waiting);
    all.register("pool_waits", "Jobs that got their slot", waited);
    all.register_with_unit("pool_wait", "How long those waited, together", Unit::Seconds, wait);
    all.register("pool_uses", "Jobs that gave their slot back", used);
    all.register_with_unit("pool_use", "How long those had it, together", Unit::Seconds, usage);
}

fn stages(engine: &Handle, all: &mut Registry) {
    let stages = By::<Gauge>::default();
    let counts = engine.counts();
    let states = [
        ("ok", counts.ok),
        ("queued", counts.queued),
        ("running", counts.running),
        ("waiting_for_confirmation", counts.waiting_for_confirmation),
        ("retrying", counts.retrying),
        ("failed", counts.failed),
        ("skipped", counts.skipped),
        ("blocked", counts.blocked),
        ("waiting", counts.waiting),
    ];
    for (state, count) in states {
        stages.get_or_create(&[("state", state.to_owned())]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    all.register("stages", "Operations and monitors of the pipeline, by how they stand", stages);
    let doubts = Gauge::<i64>::default();
    doubts.set(i64::try_from(engine.status().borrow().doubts).unwrap_or(i64::MAX));
    all.register("doubts", "Values that may not hold any more", doubts);
}

fn steps(evaluation: Evaluation, all: &mut Registry) {
    let (steps, time) = (Counter::<u64>::default(), Seconds::default());
    steps.inc_by(evaluation.steps);
    time.inc_by(evaluation.time.as_secs_f64());
    all.register("engine_steps", "Steps of the engine since it was started", steps);
    all.register_with_unit("engine_step", "The time that they took together", Unit::Seconds, time);
    let recomputed = Counter::<u64>::default();
    recomputed.inc_by(evaluation.recomputed);
    all.register("engine_recomputed", "Nodes that ran in them", recomputed);
}
