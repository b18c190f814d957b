//! What a user's tests may rely on, one behaviour in each file.

#[path = "../support/words.rs"]
mod words;

mod a_person_approves_cancels_and_rebuilds;
mod a_wrong_expectation_says_what_there_is;
mod every_run_of_a_test_is_the_same;
mod results_survive_a_restart_and_what_ran_begins_anew;
mod time_passes_only_when_the_test_says_so;
mod what_a_test_leaves_unanswered_fails_it;
