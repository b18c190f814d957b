//! What jobs keep while they wait for a slot, all in one pool.

use std::fs;
use std::sync::Arc;

use ci_core::current::{all, build_with, constant};
use ci_core::pool::Pool;
use ci_core::{Bind, Bindings, Builder, Job, Level, OpError, OpId, Unbound};
use tempfile::TempDir;

use super::operations::Key;
use crate::engines::{Running, WHOLE, state_on_disk};
use crate::heap;
use crate::score::Score;
use crate::shape::Sizes;

/// A job, with the operation that it is of.
pub const QUEUED: &str = "a queued job, with its operation";

/// How many files are open for all of them at most.
const OPEN_FILES_MAX: usize = 100;

/// The second of the two runs that are compared has so many times as many.
const MANY: usize = 5;

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    if wanted(QUEUED) {
        let (few, many) = (sizes.queued / MANY, sizes.queued);
        let more = kept(many) - kept(few);
        score.line(QUEUED, WHOLE.name).bytes = Some(more as f64 / (many - few) as f64);
    }
}

/// Bytes that an engine keeps while so many jobs wait.
fn kept(jobs: usize) -> i64 {
    let state: Arc<TempDir> = Arc::new(state_on_disk());
    let narrow = Narrow(Pool::new("narrow", 1));
    let pool = narrow.0.clone();
    heap::counted(|| {
        let (bytes, files) = (heap::live(), open_files());
        let pipeline = || {
            let head = constant(());
            all((0..jobs).map(|at| build_with::<Narrow, _>(&head, "", "wait", move |_, ()| Key { at })))
        };
        let mut running = Running::start(state, |engine| engine.with(narrow), pipeline);
        running.wait(|_| pool.meter().waiting == jobs - 1);
        assert!(open_files() <= files + OPEN_FILES_MAX, "{} files are open", open_files());
        heap::live() - bytes
    })
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("because this is Linux").count()
}

/// An operation that never ends, in a pool of one slot.
#[derive(Clone)]
struct Narrow(Pool);

impl Bind for Narrow {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Narrow {
    const ID: OpId = OpId::new("wait");
    const AUTO_CANCEL: bool = false;
    type Key = Key;
    type Value = ();

    fn level(&self, _: &Key) -> Level {
        Level::Harmless
    }

    fn pool(&self) -> Option<&Pool> {
        Some(&self.0)
    }

    async fn build(&self, _: &Job, _: &Key) -> Result<(), OpError> {
        std::future::pending().await
    }
}
