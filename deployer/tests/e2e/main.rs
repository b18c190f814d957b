//! The program on an engine of its own, from a push to a page. One behaviour per file.

#![expect(clippy::unwrap_used, reason = "a step that fails is a failed test")]

mod support;

mod a_bad_commit_is_told_and_the_old_version_serves_on;
mod a_broken_entry_does_not_hold_up_the_others;
mod a_cancelled_build_is_gone_and_can_be_rebuilt;
mod a_demo_that_deviates_names_its_step;
mod a_guarded_job_waits_for_its_approval;
mod a_log_is_followed_to_its_end;
mod a_missing_repository_is_waited_for;
mod a_rebuild_of_a_good_build_changes_no_service_that_needs_no_change;
mod a_restart_changes_nothing;
mod a_service_that_is_gone_is_not_called_deployed;
mod a_stop_during_a_build_leaves_no_process_and_is_gone_on_with;
mod a_version_that_dies_late_is_taken_back;
mod mistakes_at_the_command_line_are_told;
mod of_quick_commits_the_newest_wins;
mod strangers_can_not_steer_the_terminal;
mod ten_lines_are_a_deployer_of_ones_own;
mod the_demo_leaves_no_trace;
mod the_same_commit_again_changes_nothing;
mod without_what_it_needs_the_demo_says_what_to_do;
