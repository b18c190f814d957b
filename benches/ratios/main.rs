//! The scoreboard's works under criterion, for a closer look at one; and what the store and the logs cost.
//!
//! ```text
//! cargo bench -p benches                 all
//! cargo bench -p benches -- W3           only what matches
//! ```
//!
//! Run as a test, each is small and runs once, and is checked against its model all the same.

use std::time::Duration;

use benches::engines::ALL;
use benches::shape::{FULL, SMALL, Sizes};
use benches::work::Workload;
use criterion::{Criterion, Throughput};

mod logs;
mod store;

const WORKS: [Workload; 6] =
    [Workload::Chain, Workload::Many, Workload::Repos, Workload::Vain, Workload::List, Workload::Batch];

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let measured = std::env::args().any(|arg| arg == "--bench");
    let sizes = if measured { FULL } else { SMALL };
    works(&mut criterion, &sizes);
    store::bench(&mut criterion, &sizes);
    logs::bench(&mut criterion);
    criterion.final_summary();
}

fn works(criterion: &mut Criterion, sizes: &Sizes) {
    for workload in WORKS {
        for engine in ALL.into_iter().filter(|engine| (engine.ready)(workload, &SMALL).is_some()) {
            let ready = || (engine.ready)(workload, sizes).expect("because it has a form of it");
            measure(criterion, (workload.name(), engine.name), ready, |work, times| {
                let cost = work.run(times);
                cost.took.mul_f64(times as f64 / cost.changes as f64)
            });
        }
    }
}

/// Measures `who` at `work`. `make` makes what is measured, if it is measured at all; `run` does the work a number of
/// times and says how long that took.
fn measure<T>(
    criterion: &mut Criterion,
    (work, who): (&'static str, &'static str),
    make: impl FnOnce() -> T,
    mut run: impl FnMut(&mut T, u64) -> Duration,
) {
    let (mut make, mut made) = (Some(make), None);
    let mut group = criterion.benchmark_group(work);
    group.throughput(Throughput::Elements(1));
    group.bench_function(who, |bencher| {
        if let Some(make) = make.take() {
            made = Some(make());
        }
        bencher.iter_custom(|times| made.as_mut().map_or(Duration::ZERO, |made| run(made, times)));
    });
    group.finish();
}
