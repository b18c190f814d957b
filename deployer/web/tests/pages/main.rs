//! The pages of a real engine, asked as a browser asks. One behaviour a file.

mod a_change_needs_the_token_and_a_page_of_ours;
mod a_log_is_followed_without_gap_or_repeat;
mod a_long_log_is_shown_in_parts;
mod a_step_is_told_once;
mod jobs_are_found;
mod of_what_somebody_changed_only_what_is_known_is_told;
mod only_our_own_host_is_answered;
mod people_approve_cancel_and_rebuild;
mod support;
mod text_of_strangers_stays_text;
mod the_overview_says_what_runs_where;
mod the_picture_is_given_to_other_programs;
mod what_can_not_be_read_is_told_with_what_to_do;
mod what_comes_after_an_approval_is_told;
mod what_is_collapsed_is_opened_by_its_address;
