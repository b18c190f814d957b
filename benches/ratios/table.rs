//! What was measured, side by side.

use std::io;
use std::time::Duration;

use criterion::{Criterion, Throughput};

/// Times by workload and by who did it.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    work: &'static str,
    who: &'static str,
    /// Nanoseconds each.
    times: Vec<f64>,
}

impl Table {
    /// Measures `who` at `work`. `make` makes what is measured, if it is measured at all; `run` does the work a number
    /// of times and says how long that took.
    pub(crate) fn measure<T>(
        &mut self,
        criterion: &mut Criterion,
        (work, who): (&'static str, &'static str),
        make: impl FnOnce() -> T,
        mut run: impl FnMut(&mut T, u64) -> Duration,
    ) {
        let (mut make, mut made, mut times) = (Some(make), None, Vec::new());
        let mut group = criterion.benchmark_group(work);
        group.throughput(Throughput::Elements(1));
        group.bench_function(who, |bencher| {
            if let Some(make) = make.take() {
                made = Some(make());
            }
            bencher.iter_custom(|times_each| {
                let Some(made) = &mut made else { return Duration::ZERO };
                let took = run(made, times_each);
                times.push(took.as_nanos() as f64 / times_each as f64);
                took
            });
        });
        group.finish();
        if !times.is_empty() {
            self.0.push(Row { work, who, times });
        }
    }

    /// Medians, and how many times as long each took as the first of its workload.
    pub(crate) fn print(&mut self, to: &mut impl io::Write) -> io::Result<()> {
        let medians: Vec<_> =
            self.0.iter_mut().map(|row| (row.work, row.who, median(&mut row.times))).collect();
        writeln!(to, "{:<32} {:<34} {:>12} {:>8}", "work", "by", "median", "ratio")?;
        for (work, who, median) in &medians {
            let first = medians.iter().find(|(of, ..)| of == work).map_or(*median, |(.., first)| *first);
            let shown = Duration::from_nanos(median.round() as u64);
            writeln!(to, "{work:<32} {who:<34} {:>12} {:>8.2}", format!("{shown:.2?}"), median / first)?;
        }
        Ok(())
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
