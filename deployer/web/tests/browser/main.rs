//! The pages of a real engine in a real browser. One behaviour a file.

#![expect(clippy::unwrap_used, reason = "a step that fails is a failed test")]

#[path = "../pages/support.rs"]
mod support;

mod a_long_log_is_followed_without_slowing;
mod a_lost_connection_leaves_no_gap;
mod people_act_by_clicking;
mod people_open_what_is_collapsed;
mod seen;
mod text_of_strangers_is_never_obeyed;
mod the_pages_fit_their_reader;
mod the_picture_is_recoloured_where_it_stands;
