//! Moments are drawn from the trace of a story told without a kill, as many in each phase. Each time the restarted
//! deployer brings the newest commit to the service, and every commit is put in place once, or, if a newer one came
//! first, never; as the engine itself tells it.

use crate::bed::Bed;
use crate::deployer::Deployer;
use crate::leftovers::{no_error_was_told, nothing_is_left};
use crate::story::{Draw, Phase, converged, kill_at, listen, listen_to_the_end, number};
use crate::witness::Witness;

#[test]
fn a_kill_at_any_line_of_the_story_is_made_good() {
    let mut bed = Bed::make();
    let mut draw = Draw::begin(&bed);
    let kills = number("KILLS").unwrap_or(10) as usize;
    let witness = Witness::call(&bed);
    // The pages that had all the time they needed.
    let mut settled = Vec::new();

    // The first story makes the service, the second changes it, as all that follow do.
    let mut deployer = Deployer::start(&bed);
    let [_, trace] = [(), ()].map(|()| {
        deployer.skip_said();
        let page = bed.commit();
        let trace = listen(&deployer);
        converged(&bed, page);
        settled.push(page);
        trace
    });
    bed.transcript.tell(&format!("lines of {:?}: {:?}", Phase::ALL, trace.each_ref().map(Vec::len)));

    let moments = draw.moments(&trace, kills.div_ceil(Phase::ALL.len()));
    for (n, moment) in moments.into_iter().take(kills).enumerate() {
        deployer.skip_said();
        let mut newest = bed.commit();
        bed.transcript.tell(&format!("{}: page {newest}: {moment:?}", n + 1));
        kill_at(deployer, moment);
        // Sometimes more happens while nobody watches.
        if draw.below(2) == 0 {
            newest = bed.commit();
            bed.transcript.tell(&format!("page {newest} came while it was down"));
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
