//! A version that does not stay up is watched when the engine loses its power. When it is back, the version is judged
//! anew, and is bad; the version before serves, and so does the next one.

use crate::support::{End, World};

/// Looks well for a while, and ends with what an engine says of containers that a power cut took down.
const DIES: &str = "FROM base\nCOPY site page.html /\nHEALTHCHECK NONE\n\
     ENTRYPOINT [\"sh\", \"-c\", \"/site & sleep 1; exit 255\"]\n";

#[test]
fn a_bad_version_stays_bad_when_the_engine_goes_away() {
    let mut world = World::that_works();
    let before = world.newest();
    let bad = world.site.commit_dockerfile("bad", DIES);
    world.site.push(&bad);
    world.log().hears(["what=POST /services/", ": close"]);
    world.engine_ends(End::PowerCut);
    world.tells(["can't reach the Docker engine at unix:///", "hint: start it"]);
    world.bed.engine.restart();
    world.tells(["did not stay up", "the version before"]);
    world.serves(&before);
    world.counts_again();
    world.publishes();
    world.is_well_again();
    world.ends();
}
