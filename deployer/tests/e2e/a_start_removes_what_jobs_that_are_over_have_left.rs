//! A container of a job that is over is removed by the next start; those of others are not.

use testbed::base_image;

use crate::support::{Bed, eventually};

#[test]
fn a_start_removes_what_jobs_that_are_over_have_left() {
    let bed = Bed::plain();
    base_image(&bed.engine, "base");
    bed.run(["--listen", "none"]).stops();
    let owner = std::fs::read_to_string(bed.state().join("owner")).unwrap();
    let ours = owner.split(' ').next().unwrap();
    let left = |owner: &str| {
        let owner = format!("ci.owner={owner}");
        let create = ["create", "--label", "ci.job=docker-run/1-0000", "--label", &owner, "base", "true"];
        bed.engine.docker(create)
    };
    let (_, foreign) = (left(ours), left("somebody-else"));

    let deployer = bed.run(["--listen", "none"]);
    eventually("what is nobody's is gone", || {
        (bed.engine.docker(["ps", "-aq", "--no-trunc"]) == foreign).then_some(())
    });
    deployer.stops();
}
