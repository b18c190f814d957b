//! Pictures of pipelines, most of which are written down node by node. Each file proves what its name says.

#[path = "../support/words.rs"]
mod words;

mod a_collapse_is_one_box_until_it_is_opened;
mod a_gate_is_a_dot_behind_a_dashed_edge;
mod a_long_error_fits_a_tooltip;
mod a_picture_that_is_too_big_folds_by_itself;
mod an_edge_that_a_longer_way_implies_is_left_out;
mod lists_and_options_stand_in_clusters;
mod pipelines_are_drawn_as_they_were_written;
mod states_have_the_colours_people_know;
mod support;
mod text_of_strangers_is_shown_as_it_is;
mod the_same_snapshot_makes_the_same_picture;
mod what_a_bind_made_comes_from_it;
