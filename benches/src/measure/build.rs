//! W4: a graph is made and run for the first time; how long that takes, and what it keeps in memory.
//!
//! Of `whole`, the time is that from the description to the first status of an engine that is open, and the memory what
//! it keeps beyond an engine with a single node, which is told, too.

use std::any::Any;
use std::time::Instant;

use super::note;
use crate::engines::{
    CORE, INCREMENTAL, Running, SALSA, WHOLE, core, incremental, salsa, state_on_disk, whole,
};
use crate::heap;
use crate::score::Score;
use crate::shape::{Shape, Sizes};
use crate::work::{Grid, Workload};

/// W3's graph.
pub const BUILD: &str = "W4 build of 121,001 nodes";
/// A larger one.
pub const BUILD_LARGE: &str = "W4 build of 1.2 million nodes";

/// A program has it once.
pub const ENGINE: &str = "W4 an engine with a single node";

const ROUNDS: usize = 5;

/// Makes a graph, says how long that took, and hands it over.
type Make = fn(Shape) -> (f64, Box<dyn Any>);

const ENGINES: [(&str, Make); 4] = [
    (CORE.name, grid::<core::Core<core::Difference>>),
    (WHOLE.name, pipeline),
    (INCREMENTAL.name, grid::<incremental::Incremental>),
    (SALSA.name, grid::<salsa::Salsa>),
];

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    for (work, workload) in [(BUILD, Workload::Repos), (BUILD_LARGE, Workload::Large)] {
        if let Some(shape) = workload.shape(sizes).filter(|_| wanted(work)) {
            builds(score, work, shape);
        }
    }
}

fn builds(score: &mut Score, work: &'static str, shape: Shape) {
    let mut times = vec![Vec::new(); ENGINES.len()];
    for _ in 0..ROUNDS {
        for ((_, make), times) in ENGINES.iter().zip(&mut times) {
            times.push(make(shape).0);
        }
    }
    note(score, work, ENGINES.iter().map(|(by, _)| *by), times);
    let engine = kept(pipeline, Shape { groups: 1, inputs: 1, depth: 1 });
    score.line(ENGINE, WHOLE.name).bytes = Some(engine as f64);
    for (by, make) in ENGINES {
        let own = if by == WHOLE.name { engine } else { 0 };
        score.line(work, by).bytes = Some((kept(make, shape) - own) as f64 / shape.nodes() as f64);
    }
}

/// Bytes that are kept of a graph once it has run.
fn kept(make: Make, shape: Shape) -> i64 {
    heap::counted(|| {
        let before = heap::live();
        let made = make(shape).1;
        let bytes = heap::live() - before;
        drop(made);
        bytes
    })
}

fn grid<G: Grid>(shape: Shape) -> (f64, Box<dyn Any>) {
    let began = Instant::now();
    let grid = G::new(shape);
    (began.elapsed().as_secs_f64(), Box::new(grid))
}

/// Nothing else is held: the handles that set the inputs are dropped.
fn pipeline(shape: Shape) -> (f64, Box<dyn Any>) {
    let values = whole::green(shape);
    let mut began = Instant::now();
    let mut running = Running::start(
        state_on_disk(),
        |engine| engine,
        || {
            began = Instant::now();
            whole::pipeline(shape, &values, None).1
        },
    );
    running.wait(|status| status.outcome.is_ok());
    (began.elapsed().as_secs_f64(), Box::new(running))
}
