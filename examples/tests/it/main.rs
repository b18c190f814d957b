//! The examples, as compiled, on engines, registries and repositories of their own.

mod matrix_pushes_all_variants_or_none;
mod running;
mod site_runs_a_commit_that_passes_its_test_and_no_other;
