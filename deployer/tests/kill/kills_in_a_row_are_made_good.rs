//! The service is not there yet when the first kill comes; the restarted deployer is killed while it finds again what
//! was cut, and the one after that, too.

use std::time::Duration;

use crate::bed::Bed;
use crate::deployer::Deployer;
use crate::leftovers::{no_error_was_told, nothing_is_left};
use crate::story::{Draw, Moment, Phase, converged, kill_at, listen_to_the_end};
use crate::witness::Witness;

/// How many lines the deployer may say before it is killed while it starts. It says about as many until all is found
/// again.
const STARTING_LINES: usize = 24;

#[test]
fn kills_in_a_row_are_made_good() {
    let mut bed = Bed::make();
    let mut draw = Draw::begin(&bed);
    let witness = Witness::call(&bed);
    let mut settled = Vec::new();
    let mut deployer = Deployer::start(&bed);
    // From the call that makes, or changes, the service on; then in the build, where most time is spent.
    for (phase, lines) in [(Phase::Update, 13), (Phase::Watch, 4), (Phase::Build, 12)] {
        deployer.skip_said();
        let mut newest = bed.commit();
        let moment = Moment { phase, line: draw.below(lines), after: Duration::ZERO, whom: draw.whom() };
        bed.transcript.tell(&format!("page {newest}: {moment:?}"));
        kill_at(deployer, moment);
        for _ in 0..2 {
            let restarted = Deployer::start(&bed);
            let lines = draw.below(STARTING_LINES);
            (0..lines).for_each(|_| drop(restarted.line()));
            let line = restarted.line();
            restarted.kill(draw.whom(), &line);
            if draw.below(3) == 0 {
                newest = bed.commit();
                bed.transcript.tell(&format!("page {newest} came while it was down"));
            }
        }
        deployer = Deployer::start(&bed);
        listen_to_the_end(&deployer);
        converged(&bed, newest);
        settled.push(newest);
    }
    deployer.stop();

    witness.account(&bed).is_of_pages_put_once(&bed, &settled);
    no_error_was_told(&bed);
    nothing_is_left(&bed);
}
