//! The engine is killed with all its containers while the deployer builds, pushes, updates and watches; then engine and
//! deployer both, as when the machine loses power. When they are back, the newest commit comes to be served.
//!
//! An engine without power does not see how its containers end, and says 255 of them. If the new task is among those,
//! the update is taken back like that of any version that does not stay up, until a person asks for it again.

use crate::bed::Bed;
use crate::deployer::Deployer;
use crate::leftovers::nothing_is_left;
use crate::story::{Draw, converged, kill_at, listen, listen_to_the_end, wait_for};

#[test]
fn an_engine_that_loses_power_is_waited_for() {
    let mut bed = Bed::make();
    bed.excused.extend(["transient", "infrastructure"]);
    let mut draw = Draw::begin(&bed);
    let mut deployer = Deployer::start(&bed);
    let page = bed.commit();
    let trace = listen(&deployer);
    converged(&bed, page);

    for (n, moment) in draw.moments(&trace, 1).into_iter().enumerate() {
        deployer.skip_said();
        let page = bed.commit();
        bed.transcript.tell(&format!("page {page}: {moment:?}"));
        if n % 2 == 0 {
            kill_at(deployer, moment);
            cut_power(&mut bed);
            bed.engine.restart();
            deployer = Deployer::start(&bed);
        } else {
            let line = wait_for(&deployer, moment);
            cut_power(&mut bed);
            bed.transcript.tell(&format!("the engine was killed at: {line}"));
            bed.engine.restart();
        }
        let end = listen_to_the_end(&deployer);
        assert!(!end.contains(" ERROR "), "{end}");
        converged(&bed, page);
    }
    deployer.stop();
    nothing_is_left(&bed);
}

/// The engine is killed, and what a machine keeps in memory only is gone, too: a process id written down there would
/// be another process's after the restart.
fn cut_power(bed: &mut Bed) {
    bed.engine.kill();
    std::fs::remove_dir_all(bed.engine.dir().join("exec")).expect("the engine's folder is the test's own");
}
