//! What an operation keeps in memory when it is done and nothing moves.

use ci_core::current::{all, constant};

use super::operations::{Held, operation};
use crate::engines::{Running, WHOLE, state_on_disk};
use crate::heap;
use crate::score::Score;
use crate::shape::Sizes;

/// An operation with the constant that it asks for.
pub const STAGE: &str = "an idle operation";

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    if wanted(STAGE) {
        let (few, many) = (kept(1), kept(sizes.operations));
        score.line(STAGE, WHOLE.name).bytes = Some((many - few) as f64 / (sizes.operations - 1) as f64);
    }
}

/// Bytes that an engine keeps when so many operations are done.
fn kept(operations: usize) -> i64 {
    let held = Held::new(operations);
    (0..operations).for_each(|at| held.let_go(at));
    heap::counted(|| {
        let before = heap::live();
        let pipeline = || all((0..operations).map(|at| operation(&constant(at))));
        let mut running = Running::start(state_on_disk(), |engine| engine.with(held), pipeline);
        running.wait(|status| status.outcome.is_ok());
        running.wait_for_tasks();
        heap::live() - before
    })
}
