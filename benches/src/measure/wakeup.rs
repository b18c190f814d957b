//! From setting an input to the new status seen, at W3's size: one at a time, and as many as can be.

use crate::engines::WHOLE;
use crate::engines::whole::Whole;
use crate::score::Score;
use crate::shape::Sizes;
use crate::work::Workload;

/// Half of the changes are seen sooner.
pub const P50: &str = "seen, half of all within";
/// One of a hundred is seen later.
pub const P99: &str = "seen, 99 of 100 within";
/// Inputs set without waiting, until all is seen; each.
pub const FLOOD: &str = "a flood, each";

const SAMPLES: usize = 5000;
const FLOOD_SETS: u64 = 1_000_000;

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    let Some(shape) =
        Workload::Repos.shape(sizes).filter(|_| [P50, P99, FLOOD].iter().any(|work| wanted(work)))
    else {
        return;
    };
    let mut whole = Whole::new(Workload::Repos, shape);
    let mut waits: Vec<f64> = (0..SAMPLES).map(|_| whole.change().each()).collect();
    waits.sort_by(f64::total_cmp);
    score.line(P50, WHOLE.name).seconds = Some(waits[SAMPLES / 2]);
    score.line(P99, WHOLE.name).seconds = Some(waits[SAMPLES * 99 / 100]);
    score.line(FLOOD, WHOLE.name).seconds = Some(whole.flood(FLOOD_SETS).each());
}
