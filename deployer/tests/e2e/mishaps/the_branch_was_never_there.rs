//! The table names a branch that nobody has pushed. The ones there are, are told; when it comes, it is deployed.

use crate::support::World;

#[test]
fn the_branch_was_never_there() {
    let mut world = World::before_its_start();
    let commit = world.commits();
    let bare = world.bed.site();
    let bare = bare.to_str().expect("because tests choose their names");
    world.site.work.git(["push", "-q", bare, &format!("{commit}:refs/heads/life")]);
    world.starts();
    world.tells(["site has no branch live", "or name another: it has life"]);
    world.site.push(&commit);
    world.is_well_again();
    world.ends();
}
