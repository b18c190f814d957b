//! W1 to W3 and W5 to W7; W2 by position; W3 at ten times the size.

use super::{Contender, side_by_side};
use crate::engines::{ALL, CORE, Engine, INCREMENTAL, WHOLE};
use crate::score::Score;
use crate::shape::Sizes;
use crate::work::Workload;

/// Whether what a change costs depends on where it is.
pub const POSITION: &str = "W2 by position";
/// The first of 10,000.
pub const FIRST: &str = "core, the first";
/// The last of 10,000.
pub const LAST: &str = "core, the last";
/// W3 at its usual size, beside the larger.
pub const USUAL: &str = "core, at 121,001 nodes";

const WORKS: [Workload; 6] =
    [Workload::Chain, Workload::Many, Workload::Repos, Workload::Vain, Workload::List, Workload::Batch];

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    let ready = |by: &'static str, engine: Engine, workload| {
        (engine.ready)(workload, sizes).map(|ready| Contender { by, ready })
    };
    for workload in WORKS.into_iter().filter(|workload| wanted(workload.name())) {
        let contenders = ALL.iter().filter_map(|engine| ready(engine.name, *engine, workload)).collect();
        side_by_side(score, workload.name(), contenders);
    }
    if wanted(POSITION) {
        let contenders = [ready(FIRST, CORE, Workload::ManyFirst), ready(LAST, CORE, Workload::ManyLast)];
        side_by_side(score, POSITION, contenders.into_iter().flatten().collect());
    }
    if wanted(Workload::Large.name()) {
        let larger = [CORE, WHOLE, INCREMENTAL].map(|engine| ready(engine.name, engine, Workload::Large));
        let contenders = [ready(USUAL, CORE, Workload::Repos)].into_iter().chain(larger);
        side_by_side(score, Workload::Large.name(), contenders.flatten().collect());
    }
}
