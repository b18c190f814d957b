//! Docker operations on a real engine. One behaviour per file; a file's name is the sentence.
//!
//! Everything is made here, from the machine's static busybox: nothing is pulled from outside. Each test names its
//! images and containers after itself and removes them; of builds, the engine's build cache stays.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails there")]

mod support;

mod a_build_gives_an_image_and_shows_its_steps;
mod a_build_that_cannot_work_says_why;
mod a_build_whose_engine_goes_away_is_tried_again;
mod a_cancelled_build_leaves_no_process;
mod a_context_is_streamed;
mod a_dead_engine_is_infrastructure;
mod a_name_is_followed_while_its_image_serves;
mod a_private_base_image_needs_its_key;
mod a_pushed_image_is_known_by_its_digest;
mod a_run_is_found_again_after_its_client_died;
mod a_run_is_judged_by_its_exit;
mod a_run_is_kept_in_its_limits;
mod a_run_leaves_files;
mod a_run_survives_broken_connections;
mod a_run_whose_engine_goes_away_is_tried_again;
mod a_secret_is_mounted_and_left_nowhere;
mod an_image_that_only_marks_keep_is_let_go;
mod pread_gives_what_was_printed;
mod what_jobs_that_are_over_have_left_is_swept;
