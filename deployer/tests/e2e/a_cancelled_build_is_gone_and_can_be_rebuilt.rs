//! `deployer cancel` ends the build's processes; nothing tries again until somebody says `deployer rebuild`.

use testbed::base_image;

use crate::support::{Bed, Running, Site, Sleep};

#[test]
fn a_cancelled_build_is_gone_and_can_be_rebuilt() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let (site, sleep) = (Site::at(&bed.site()), Sleep::of_one_hour());
    site.push(&site.commit_dockerfile("slow", &format!("FROM base\nRUN {sleep}\n")));
    let mut deployer = bed.run([]);
    sleep.begins();
    let first = bed.job("docker-build", "running");
    let follower = Running::start(bed.deployer(["log", "--follow", &first.id]));

    assert_eq!(bed.ask(["cancel", &first.id]), format!("cancelling {}\n", first.id));

    sleep.is_over();
    deployer.hears(["docker-build", "cancelled: by uid 0"]);
    let (status, log) = follower.ends();
    assert!(status.success() && log.contains("cancelled: by uid 0"), "{status}: {log}");
    assert_eq!(bed.job("docker-build", "cancelled").id, first.id);

    let rebuilding = bed.ask(["rebuild", &first.id]);
    sleep.begins();
    let second = bed.job("docker-build", "running");
    assert_ne!(second.id, first.id);
    assert_eq!(rebuilding, format!("rebuilding what {} made: {}\n", first.id, second.id));
    let refused = bed.tell(["rebuild", &first.id]);
    assert!(
        !refused.status.success() && refused.err.contains("is under way: cancel it first"),
        "{refused:?}"
    );
    bed.ask(["cancel", &second.id]);
    sleep.is_over();
    deployer.stops();
}
