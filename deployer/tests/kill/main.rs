//! The program, killed by `kill -9` anywhere in its story, with a real git, a real engine and its own registry.
//!
//! `KILL_SEED` tells the same moments again; `KILLS` is how many (10).

mod bed;
mod deployer;
mod leftovers;
mod story;
mod witness;

mod a_kill_at_any_line_of_the_story_is_made_good;
mod an_engine_that_loses_power_is_waited_for;
mod kills_in_a_row_are_made_good;
