//! What must hold, and what is hoped for.

use std::fmt;

use serde::Serialize;

use crate::engines::{ANY_FOLD, CORE, INCREMENTAL, INCREMENTAL_MAP, WHOLE};
use crate::measure::{
    BUILD, BUILD_LARGE, CLOSED, FAILED, FLOOD, HERE, IN_MEMORY, INGEST, KILLED, LAST, LISTED, MASKED, NEWEST,
    OF_OP, ON_DISK, ONCE, OPENED, P50, POSITION, QUEUED, STAGE, STEP, TEXT, TWICE,
};
use crate::score::Score;
use crate::shape::FULL;
use crate::work::Workload;

/// A bound on something that was measured.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// What is bounded.
    pub name: &'static str,
    /// Where the bound is.
    pub limit: Limit,
    /// How it is told.
    pub unit: Unit,
    /// Finds it; `None`: it was not measured.
    pub measured: fn(&Score) -> Option<f64>,
}

/// Where a bound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// This is the largest that is good.
    AtMost(f64),
    /// This is the smallest that is good.
    AtLeast(f64),
}

/// How a figure is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// As it is.
    Count,
    /// How many times as much.
    Times,
    /// Seconds.
    Time,
    /// Bytes.
    Bytes,
}

/// How a bound was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was.
    Kept,
    /// It was not.
    Missed,
    /// Nothing was measured that it is about.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kept => "kept",
            Self::Missed => "MISSED",
            Self::NotMeasured => "not measured",
        })
    }
}

impl Bound {
    /// How it was kept.
    pub fn verdict(&self, score: &Score) -> Verdict {
        match ((self.measured)(score), self.limit) {
            (None, _) => Verdict::NotMeasured,
            (Some(x), Limit::AtMost(bound)) if x <= bound => Verdict::Kept,
            (Some(x), Limit::AtLeast(bound)) if x >= bound => Verdict::Kept,
            (Some(_), _) => Verdict::Missed,
        }
    }
}

/// Whether no gate is missed.
pub fn is_passed(gates: &[Bound], score: &Score) -> bool {
    gates.iter().all(|gate| gate.verdict(score) != Verdict::Missed)
}

use Limit::{AtLeast, AtMost};
use Unit::{Bytes, Count, Time, Times};

const CHAIN: &str = Workload::Chain.name();
const MANY: &str = Workload::Many.name();
const REPOS: &str = Workload::Repos.name();
const LARGE: &str = Workload::Large.name();
const VAIN: &str = Workload::Vain.name();
const LIST: &str = Workload::List.name();
const BATCH: &str = Workload::Batch.name();
const WAKE: &str = Workload::Wake.name();

/// These fail the build: counts and ratios, which other work on the machine hardly moves.
pub const GATES: &[Bound] = &[
    Bound {
        name: "W3, core: instructions",
        limit: AtMost(2000.0),
        unit: Count,
        measured: |score| score.of(REPOS, CORE.name).instructions,
    },
    Bound {
        name: "W3, core: allocations",
        limit: AtMost(0.0),
        unit: Count,
        measured: |score| score.of(REPOS, CORE.name).allocations,
    },
    Bound {
        name: "W3: incremental ÷ core",
        limit: AtLeast(3.0),
        unit: Times,
        measured: |score| score.of(REPOS, INCREMENTAL.name).ratio,
    },
    // Two wake-ups would hide the step itself: a step that finds nothing is taken off.
    Bound {
        name: "W3: whole, less a step that finds nothing, ÷ core, instructions",
        limit: AtMost(2.5),
        unit: Times,
        measured: |score| {
            let step = score.of(WAKE, WHOLE.name).instructions?;
            let whole = score.of(REPOS, WHOLE.name).instructions?;
            Some((whole - step) / score.of(REPOS, CORE.name).instructions?)
        },
    },
    Bound {
        name: "W7: whole ÷ core",
        limit: AtMost(2.5),
        unit: Times,
        measured: |score| score.of(BATCH, WHOLE.name).ratio,
    },
    Bound {
        name: "W2: the last of 10,000 ÷ the first",
        limit: AtMost(1.5),
        unit: Times,
        measured: |score| score.of(POSITION, LAST).ratio,
    },
    Bound {
        name: "W2: incremental ÷ core",
        limit: AtLeast(2.0),
        unit: Times,
        measured: |score| score.of(MANY, INCREMENTAL.name).ratio,
    },
    Bound {
        name: "W6: incremental-map ÷ core",
        limit: AtLeast(2.0),
        unit: Times,
        measured: |score| score.of(LIST, INCREMENTAL_MAP.name).ratio,
    },
    Bound {
        name: "memory, a node of a pipeline",
        limit: AtMost(200.0),
        unit: Bytes,
        measured: |score| score.of(BUILD, WHOLE.name).bytes,
    },
    Bound {
        name: "memory, an idle operation",
        limit: AtMost(1024.0),
        unit: Bytes,
        measured: |score| score.of(STAGE, WHOLE.name).bytes,
    },
    Bound {
        name: "W3, core: at 1.2 million nodes ÷ at 121,001",
        limit: AtMost(5.0),
        unit: Times,
        measured: |score| score.of(LARGE, CORE.name).ratio,
    },
    Bound {
        name: "20,000 operations ÷ 10,000, state in memory",
        limit: AtMost(2.3),
        unit: Times,
        measured: |score| score.of(IN_MEMORY, TWICE).ratio,
    },
    Bound {
        name: "20,000 operations ÷ 10,000, state on disk",
        limit: AtMost(2.3),
        unit: Times,
        measured: |score| score.of(ON_DISK, TWICE).ratio,
    },
    Bound {
        name: "a job's output: its log, masked, ÷ cat > file",
        limit: AtMost(3.0),
        unit: Times,
        measured: |score| score.of(INGEST, MASKED).ratio,
    },
    Bound {
        name: "a job's output: its log, masked, bytes each second",
        limit: AtLeast(50e6),
        unit: Bytes,
        measured: |score| Some(FULL.output as f64 / score.of(INGEST, MASKED).seconds?),
    },
    Bound {
        name: "a step while a job writes 1 GB ÷ while nobody does",
        limit: AtMost(1.5),
        unit: Times,
        measured: |score| score.of(STEP, HERE).ratio,
    },
];

const fn at_most(name: &'static str, bound: f64, unit: Unit, measured: fn(&Score) -> Option<f64>) -> Bound {
    Bound { name, limit: AtMost(bound), unit, measured }
}

/// These are only told: times, of a quiet machine.
pub const TARGETS: &[Bound] = &[
    at_most("W1, core", 10e-6, Time, |score| score.of(CHAIN, CORE.name).seconds),
    at_most("W2, core", 0.15e-6, Time, |score| score.of(MANY, CORE.name).seconds),
    at_most("W3, core", 0.4e-6, Time, |score| score.of(REPOS, CORE.name).seconds),
    at_most("W3, core, any fold: instructions", 2000.0, Count, |score| {
        score.of(REPOS, ANY_FOLD.name).instructions
    }),
    at_most("W4, core: build", 15e-3, Time, |score| score.of(BUILD, CORE.name).seconds),
    at_most("W5, core", 0.12e-6, Time, |score| score.of(VAIN, CORE.name).seconds),
    at_most("W6, core, by diff", 3e-6, Time, |score| score.of(LIST, CORE.name).seconds),
    at_most("W7, core", 0.28e-6, Time, |score| score.of(BATCH, CORE.name).seconds),
    at_most("memory, a node of the core", 115.0, Bytes, |score| score.of(BUILD, CORE.name).bytes),
    at_most("memory, a node of a pipeline", 150.0, Bytes, |score| score.of(BUILD, WHOLE.name).bytes),
    at_most("memory, a queued job with its operation", 2048.0, Bytes, |score| {
        score.of(QUEUED, WHOLE.name).bytes
    }),
    at_most("1.2 million nodes, core: build", 0.25, Time, |score| score.of(BUILD_LARGE, CORE.name).seconds),
    at_most("1.2 million nodes, core: a change", 1.3e-6, Time, |score| score.of(LARGE, CORE.name).seconds),
    at_most("10,000 operations, state in memory", 0.2, Time, |score| score.of(IN_MEMORY, ONCE).seconds),
    at_most("10,000 operations, state on disk", 2.0, Time, |score| score.of(ON_DISK, ONCE).seconds),
    at_most("a change is seen, half of all within", 5e-6, Time, |score| score.of(P50, WHOLE.name).seconds),
    at_most("a store of 100,000 results is opened, after a close", 2.0, Time, |score| {
        score.of(OPENED, CLOSED).seconds
    }),
    at_most("a store of 100,000 results is opened, after a kill", 2.0, Time, |score| {
        score.of(OPENED, KILLED).seconds
    }),
    at_most("a page of jobs of 100,000 is found, however it is asked for", 0.05, Time, |score| {
        let ways = [NEWEST, OF_OP, FAILED, TEXT].map(|by| score.of(LISTED, by).seconds);
        ways.into_iter().try_fold(0.0, |most: f64, one| Some(most.max(one?)))
    }),
    at_most("a flood of changes, each", 0.5e-6, Time, |score| score.of(FLOOD, WHOLE.name).seconds),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[Bound] = &[
        at_most("as many as two", 2.0, Count, |score| score.of("work", "core").allocations),
        Bound {
            name: "three times as fast",
            limit: AtLeast(3.0),
            unit: Times,
            measured: |score| score.of("work", "peer").ratio,
        },
    ];

    fn score(allocations: Option<f64>, ratio: Option<f64>) -> Score {
        let mut score = Score::default();
        score.line("work", "core").allocations = allocations;
        score.line("work", "peer").ratio = ratio;
        score
    }

    #[test]
    fn a_bound_is_kept_up_to_itself_and_missed_beyond() {
        for (allocations, ratio, passed) in [
            (Some(2.0), Some(3.0), true),
            (Some(2.1), Some(3.0), false),
            (Some(2.0), Some(2.9), false),
            (None, Some(3.0), true),
            (None, Some(2.9), false),
            (Some(f64::NAN), None, false),
        ] {
            assert_eq!(is_passed(ONE, &score(allocations, ratio)), passed, "{allocations:?} {ratio:?}");
        }
        assert_eq!(ONE[0].verdict(&score(None, None)), Verdict::NotMeasured);
    }
}
