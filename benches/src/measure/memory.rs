//! What an operation keeps in memory when it is done and nothing moves.

use std::sync::Arc;

use ci_core::current::{all, build_with, constant};
use tempfile::TempDir;

use super::operations::{Held, Key};
use crate::engines::{Running, WHOLE, state_on_disk};
use crate::heap;
use crate::score::Score;
use crate::shape::Sizes;

/// An operation. Its stored result is on the disk: the cache of that is bounded, and
/// full in both of the runs that are compared.
pub const STAGE: &str = "an idle operation";

/// How many times as many operations the second of them has.
const MANY: usize = 4;

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    if wanted(STAGE) {
        let state = Arc::new(state_on_disk());
        // They are done here, and found done by those that are measured.
        kept(&state, MANY * sizes.operations);
        let (few, many) = (kept(&state, sizes.operations), kept(&state, MANY * sizes.operations));
        score.line(STAGE, WHOLE.name).bytes =
            Some((many - few) as f64 / ((MANY - 1) * sizes.operations) as f64);
    }
}

/// Bytes that an engine keeps when so many operations are done.
fn kept(state: &Arc<TempDir>, operations: usize) -> i64 {
    let held = Held::new(operations);
    (0..operations).for_each(|at| held.let_go(at));
    heap::counted(|| {
        let before = heap::live();
        let pipeline = || {
            let head = constant(());
            all((0..operations).map(|at| build_with::<Held, _>(&head, "", "hold", move |_, ()| Key { at })))
        };
        let mut running = Running::start(state.clone(), |engine| engine.with(held), pipeline);
        running.wait(|status| status.outcome.is_ok());
        running.wait_for_tasks();
        heap::live() - before
    })
}
