//! What goes wrong around a deployer on ordinary days. Each mishap is told on page, command line and log; what runs
//! stays as it was; nothing is lost; and when its cause is gone the deployer goes on by itself.
//!
//! One mishap per file, with its test. [`all`] lists those that can befall any world, for the long run.

use crate::support::World;

mod a_bad_version_stays_bad_when_the_engine_goes_away;
mod a_fetch_is_cut;
mod another_deployer_has_the_same_service;
mod history_is_rewritten;
mod its_port_is_taken;
mod no_node_takes_it;
mod one_after_another;
mod the_branch_is_deleted;
mod the_branch_was_never_there;
mod the_clock_is_set;
mod the_disk_of_the_state_directory_is_full;
mod the_engine_goes_away;
mod the_engine_is_not_there_at_the_start;
mod the_engines_disk_is_full;
mod the_git_server_asks_for_a_password;
mod the_git_server_fails;
mod the_git_server_hangs;
mod the_git_server_is_down;
mod the_image_is_for_another_architecture;
mod the_registry_is_no_help;
mod the_repository_is_gone;
mod the_service_is_changed_by_hand;
mod the_service_is_missing;
mod the_state_directory_becomes_read_only;
mod the_state_directory_can_not_be_used;

/// Something that goes wrong around the deployer, and can be set right.
pub(crate) trait Mishap {
    /// It happens.
    fn strikes(&mut self, world: &mut World);

    /// Parts of the one message that tells it.
    fn told(&self) -> [&'static str; 2];

    /// Its cause goes away. The deployer itself is left alone.
    fn is_set_right(&mut self, world: &mut World);

    /// When it strikes.
    fn moment(&self) -> Moment {
        Moment::BeforeACommit
    }

    /// Whether what runs goes on running meanwhile.
    fn spares_what_runs(&self) -> bool {
        true
    }
}

/// When a mishap strikes.
pub(crate) enum Moment {
    /// The next commit comes while it lasts.
    BeforeACommit,
    /// While a commit is on its way: after a line of the log that holds these words.
    After([&'static str; 2]),
    /// The next commit comes when it is over.
    AtRest,
}

/// The mishap strikes a world that works, around a commit; it is told, and set right.
pub(crate) fn befalls(world: &mut World, mishap: &mut dyn Mishap) {
    let before = world.newest();
    match mishap.moment() {
        Moment::After(line) => {
            // The line of this commit, not of the one before.
            world.log().skips_what_it_said();
            world.publishes();
            world.log().hears(line);
            mishap.strikes(world);
        }
        Moment::BeforeACommit => {
            mishap.strikes(world);
            world.publishes();
        }
        Moment::AtRest => mishap.strikes(world),
    }
    world.tells(mishap.told());
    if mishap.spares_what_runs() {
        world.serves(&before);
    }
    mishap.is_set_right(world);
    world.is_well_again();
    if matches!(mishap.moment(), Moment::AtRest) {
        world.publishes();
        world.is_well_again();
    }
}

/// Every mishap that can befall any world.
pub(crate) fn all() -> Vec<Box<dyn Mishap>> {
    let mut all: Vec<Box<dyn Mishap>> = vec![
        Box::new(its_port_is_taken::Taken),
        Box::new(no_node_takes_it::Constrained),
        Box::new(no_node_takes_it::Drained),
        Box::new(the_branch_is_deleted::Deleted),
        Box::new(the_branch_is_deleted::DeletedMeanwhile),
        Box::new(the_repository_is_gone::Gone),
        Box::new(the_service_is_changed_by_hand::ScaledToNothing),
        Box::new(the_service_is_missing::Removed::default()),
        Box::new(the_state_directory_becomes_read_only::ReadOnly),
    ];
    all.extend(the_engine_goes_away::Away::all().into_iter().map(|away| Box::new(away) as Box<dyn Mishap>));
    all
}
