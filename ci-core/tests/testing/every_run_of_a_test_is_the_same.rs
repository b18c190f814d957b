//! The same test gives the same trace and the same states, however many operations move in one step.

use ci_core::current::all;
use ci_core::{OpError, RETRY_DELAY_MIN, testing};

use crate::words::{build, deploy, head};

const SITES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn run() -> Vec<String> {
    let mut t = testing::drive(|| all(SITES.map(|site| deploy(site, &build(&head(site))))));
    let mut told = t.states();
    for site in SITES {
        t.reads(&format!("head of {site}"), format!("1{site}"));
    }
    for site in SITES {
        t.fails(&format!("build site@1{site}"), OpError::transient("busy"));
        told.extend(t.states());
    }
    t.advances(RETRY_DELAY_MIN);
    told.extend(t.asked().iter().map(|asked| format!("{} {asked}", asked.step)));
    assert_eq!(t.asked().len(), SITES.len());
    for site in SITES {
        t.completes(&format!("build site@1{site}"), site);
        told.extend(t.states());
    }
    told.extend(t.trace().iter().map(|asked| format!("{} {asked}", asked.step)));
    t.leaves_the_rest();
    told
}

#[test]
fn every_run_of_a_test_is_the_same() {
    let first = run();
    for _ in 0..10 {
        assert_eq!(run(), first);
    }
}
