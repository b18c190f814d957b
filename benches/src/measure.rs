//! What is measured, a file each.

use std::time::Duration;

use crate::heap;
use crate::score::{Score, median};
use crate::shape::Sizes;
use crate::work::Work;

mod build;
mod changes;
mod instructions;
mod logs;
mod memory;
mod operations;
mod queue;
mod store;
mod wakeup;

pub use self::build::{BUILD, BUILD_LARGE, ENGINE};
pub use self::changes::{FIRST, LAST, POSITION, USUAL};
pub use self::instructions::{COUNT, count};
pub use self::logs::{HERE, INGEST, MASKED, STEP};
pub use self::memory::STAGE;
pub use self::operations::{IN_MEMORY, ON_DISK, ONCE, TWICE};
pub use self::queue::QUEUED;
pub use self::store::{CLOSED, FAILED, KILLED, LISTED, NEWEST, OF_OP, OPENED, TEXT};
pub use self::wakeup::{FLOOD, P50, P99};

/// How many turns each contender has.
const ROUNDS: usize = 11;
/// How long a turn is, unless a single change is longer.
const ROUND: Duration = Duration::from_millis(60);

/// Measures everything of which `wanted` holds.
pub fn all(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    changes::measure(score, sizes, wanted);
    build::measure(score, sizes, wanted);
    memory::measure(score, sizes, wanted);
    queue::measure(score, sizes, wanted);
    wakeup::measure(score, sizes, wanted);
    operations::measure(score, sizes, wanted);
    logs::measure(score, sizes, wanted);
    store::measure(score, sizes, wanted);
    instructions::measure(score, sizes, wanted);
}

/// Who does a work, and is ready to.
struct Contender {
    by: &'static str,
    ready: Box<dyn Work>,
}

/// Lets contenders take turns at a work. The first is what the others are compared with.
fn side_by_side(score: &mut Score, work: &'static str, mut contenders: Vec<Contender>) {
    let turns: Vec<u64> =
        contenders.iter_mut().map(|contender| changes_in_a_turn(&mut *contender.ready)).collect();
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for ((contender, changes), times) in contenders.iter_mut().zip(&turns).zip(&mut times) {
            times.push(contender.ready.run(*changes).each());
        }
    }
    note(score, work, contenders.iter().map(|contender| contender.by), times);
    for (contender, changes) in contenders.iter_mut().zip(turns) {
        let cost = heap::counted(|| contender.ready.run(changes));
        score.line(work, contender.by).allocations = Some(cost.allocations as f64 / cost.changes as f64);
    }
}

/// How many changes fill a turn. They also warm up.
fn changes_in_a_turn(work: &mut dyn Work) -> u64 {
    let mut changes = 1;
    loop {
        let cost = work.run(changes);
        let fit = ROUND.as_secs_f64() / cost.each();
        if cost.took >= ROUND / 4 {
            return fit.ceil() as u64;
        }
        changes = (cost.changes * 4).min(fit.ceil() as u64).max(cost.changes + 1);
    }
}

/// Notes times by contender and round.
fn note(
    score: &mut Score,
    work: &'static str,
    names: impl Iterator<Item = &'static str>,
    mut times: Vec<Vec<f64>>,
) {
    let first = times[0].clone();
    for (by, times) in names.zip(&mut times) {
        let mut ratios: Vec<_> = times.iter().zip(&first).map(|(time, first)| time / first).collect();
        let line = score.line(work, by);
        line.ratio = median(&mut ratios);
        line.seconds = median(times);
    }
}
