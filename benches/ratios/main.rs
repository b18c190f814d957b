//! What the engine costs, beside crate `incremental` in the same run; and what the store and the logs cost.
//!
//! ```text
//! cargo bench -p benches                 all; a table of medians and ratios at the end
//! cargo bench -p benches -- W3           only what matches
//! ```
//!
//! Ratios are what counts: on a busy machine absolute times move by half, ratios of one run much less. Each result
//! is checked against a model that computes everything anew. Run as a test, each workload is small and runs once.
//!
//! The workloads, all with `u64` values and a random leaf each time, so that the machine's caches are no help:
//!
//! | | |
//! |---|---|
//! | W1 | a chain of 1,000, its leaf changes |
//! | W2 | 10,000 leaves and a function of each into one sum, one changes |
//! | W3 | 1,000 repositories of 20 heads of 5 steps each, summed up by repository and over all; one head changes |
//! | W5 | W3 with a change that the first step takes away |
//! | W6 | a keyed list of 1,000 heads of 5 steps each, kept as a `Vec` and summed up; one goes, or comes |
//! | W7 | W3 with a change in each repository, propagated once; for each change |
//!
//! `core` is [`ci_core::incr`]; `whole` is the same work said with [`ci_core::Current`] and done by an engine on its
//! own thread, with outcomes and all that people can be shown, from setting a value to seeing the new status.

use std::time::Duration;

use criterion::Criterion;

mod logs;
mod ours;
mod peer;
mod shape;
mod store;
mod table;
mod whole;
mod work;

use self::table::Table;

fn main() -> std::io::Result<()> {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let measured = std::env::args().any(|arg| arg == "--bench");
    let sizes = if measured { shape::FULL } else { shape::SMALL };
    let mut table = Table::default();
    work::bench(&mut criterion, &mut table, &sizes);
    whole::bench(&mut criterion, &mut table, &sizes);
    store::bench(&mut criterion, &mut table, &sizes);
    logs::bench(&mut criterion, &mut table);
    criterion.final_summary();
    if measured { table.print(&mut std::io::stdout().lock()) } else { Ok(()) }
}
