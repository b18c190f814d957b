//! The story's phases, told by the trace, and moments drawn from it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::bed::{Bed, PATIENCE, eventually};
use crate::deployer::{Deployer, Whom};
use crate::leftovers::jobs_are_over;

/// A part of the story, from the end of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Until the commit is in the mirror.
    Fetch,
    /// Until the image is on the engine.
    Build,
    /// Until the image is in the registry.
    Push,
    /// Until the call that changes the service has been answered.
    Update,
    /// Until the deployment counts.
    Watch,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] = [Self::Fetch, Self::Build, Self::Push, Self::Update, Self::Watch];

    /// Whether the phase ends with this line.
    fn ends_with(self, line: &str) -> bool {
        let done = |op: &str| line.contains(&format!(" {op} ")) && line.contains(": done");
        match self {
            Self::Fetch => done("git-fetch"),
            Self::Build => done("docker-build"),
            Self::Push => done("docker-push"),
            Self::Update => line.contains("what=POST /services/") && line.contains(": close"),
            Self::Watch => done("docker-service"),
        }
    }
}

/// The phases' lines, as in [`Phase::ALL`]: how long each was the last that had been said.
pub(crate) type Trace = [Vec<Duration>; Phase::ALL.len()];

/// Listens to a story from the commit to its end.
pub(crate) fn listen(deployer: &Deployer) -> Trace {
    Phase::ALL.map(|phase| {
        let mut said = Vec::new();
        while !phase.ends_with(&deployer.line()) {
            said.push(Instant::now());
        }
        said.push(Instant::now());
        let next = said.iter().skip(1).chain(said.last());
        said.iter().zip(next).map(|(line, next)| *next - *line).collect()
    })
}

/// Listens until some deployment counts, or has failed; returns the line that tells it.
pub(crate) fn listen_to_the_end(deployer: &Deployer) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = deployer.line();
        let failed = line.contains(" ERROR docker-service ") && !line.contains("superseded");
        if failed || Phase::Watch.ends_with(&line) {
            return line;
        }
        assert!(Instant::now() < deadline, "no deployment ended within {PATIENCE:?}");
    }
}

/// The newest page is served, and nothing is left to do.
pub(crate) fn converged(bed: &Bed, newest: u32) {
    bed.serves(newest);
    eventually("jobs end", || jobs_are_over(bed));
    bed.serves(newest);
}

/// A moment of the story: after a line, the how-many-th of its phase, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) phase: Phase,
    pub(crate) line: usize,
    /// Not longer than it was until the next line.
    pub(crate) after: Duration,
    pub(crate) whom: Whom,
}

/// Listens until the moment has come; if the phase is shorter this time, to its last line. Returns the newest line.
pub(crate) fn wait_for(deployer: &Deployer, moment: Moment) -> String {
    let mut phases = Phase::ALL.into_iter().peekable();
    let mut nth = 0;
    while let Some(&phase) = phases.peek() {
        let line = deployer.line();
        let ends = phase.ends_with(&line);
        if phase == moment.phase && (nth == moment.line || ends) {
            return deployer.line_within(moment.after).unwrap_or(line);
        }
        nth += 1;
        if ends {
            phases.next();
            nth = 0;
        }
    }
    unreachable!("because every phase is passed");
}

/// Kills the deployer when the moment has come.
pub(crate) fn kill_at(deployer: Deployer, moment: Moment) {
    let line = wait_for(&deployer, moment);
    deployer.kill(moment.whom, &line);
}

/// Draws the same from the same seed (SplitMix64).
pub(crate) struct Draw(u64);

impl Draw {
    /// By the environment's `KILL_SEED`, else by the clock; printed, so that what fails can be told again.
    pub(crate) fn begin(bed: &Bed) -> Self {
        let by_clock =
            || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
        let seed = number("KILL_SEED").unwrap_or_else(by_clock);
        bed.transcript.tell(&format!("KILL_SEED={seed}"));
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    /// One as often as the other.
    pub(crate) fn whom(&mut self) -> Whom {
        [Whom::Alone, Whom::WithChildren][self.below(2)]
    }

    /// `count` moments of each phase, all different as long as there are lines, phases in turn.
    pub(crate) fn moments(&mut self, trace: &Trace, count: usize) -> Vec<Moment> {
        let mut drawn: Vec<Moment> = Vec::new();
        for _ in 0..count {
            for (phase, lines) in Phase::ALL.into_iter().zip(trace) {
                let taken = |line| drawn.iter().filter(|m| (m.phase, m.line) == (phase, line)).count();
                let least = (0..lines.len()).map(taken).min().unwrap_or_default();
                let free: Vec<_> = (0..lines.len()).filter(|line| taken(*line) == least).collect();
                let line = free[self.below(free.len())];
                // At the line itself as often as somewhere before the next one.
                let quarters = [0, 0, 0, 1, 2, 3][self.below(6)];
                let after = lines[line] * quarters / 4;
                drawn.push(Moment { phase, line, after, whom: self.whom() });
            }
        }
        drawn
    }
}

/// A number in the environment.
///
/// # Panics
///
/// When it is set to something else.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} should be a number, and is {text:?}")))
}
