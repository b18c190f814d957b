//! Git operations against real repositories and the real `git`.

#![expect(clippy::unwrap_used, reason = "a step that fails is a failed test")]

mod fixture;

mod a_change_is_heard;
mod a_commit_forced_away_is_superseded;
mod a_commit_is_fetched_once_and_kept;
mod a_cut_fetch_leaves_a_working_mirror;
mod a_damaged_mirror_is_made_again;
mod a_file_is_read_or_known_to_be_missing;
mod a_head_is_read_wherever_the_repository_is;
mod a_mirror_that_nobody_asks_for_is_removed;
mod a_missing_repository_or_branch_is_explained;
mod an_archive_is_what_a_checkout_would_hold;
mod nothing_of_a_source_repository_runs;
mod ssh_is_left_no_question_to_ask;
