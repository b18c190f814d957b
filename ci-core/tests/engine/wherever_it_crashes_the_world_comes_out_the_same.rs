//! Stories of what the engine is for, and a program that dies at each of their points in turn: before and after each step
//! of the disk, and around each touch of the world; or that finds the disk full there. Started again, it brings about
//! what it would have brought about without: each effect once, in order, each attempt with its outcome, each log whole.
//!
//! `scripts/crash-matrix` kills it at each point of what follows a kill, too, and prints every cell.

use crate::crashes::stories::{ALL, BUILD, PUSH, REBUILD, REFRESH, RUN, SERVE};
use crate::crashes::{
    full_at_each_step, killed_at_each_point, killed_while_it_recovers, moved_on_after_each_point,
};

const BUILT: [&str; 2] = ["image image.1: built 1 times", "job build image.1: \"<image.1>\""];
const BUILT_AGAIN: [&str; 3] =
    ["image image.1: built 2 times", "job build image.1: \"<image.1>\"", "job build image.1: \"<image.1>\""];
const RENEWED: [&str; 6] = [
    "image image.1: built 2 times",
    "tag site:live: <image.1>",
    "job build image.1: \"<image.1>\"",
    "job build image.1: the base image is gone",
    "job build image.1: \"<image.1>\"",
    "job push site:live := <image.1>: \"site:live@<image.1>\"",
];
const PUSHED: [&str; 7] = [
    "image image.1: built 1 times",
    "image image.2: built 1 times",
    "tag site:live: <image.1>, then <image.2>",
    "job build image.1: \"<image.1>\"",
    "job build image.2: \"<image.2>\"",
    "job push site:live := <image.1>: \"site:live@<image.1>\"",
    "job push site:live := <image.2>: \"site:live@<image.2>\"",
];
const SERVED: [&str; 3] = [
    "service: <image.1>, then <image.2>",
    "job serve web := <image.1>: \"web runs <image.1>\"",
    "job serve web := <image.2>: \"web runs <image.2>\"",
];
const RAN: [&str; 3] = [
    "work on work.1: begun 1 times",
    "artifact work.1: stored 1 times",
    "job collect work.1: \"artifact of work.1\", printed one two three",
];
const DONE: [&str; 16] = [
    "image image.1: built 1 times",
    "image image.2: built 1 times",
    "tag site:live: <image.1>, then <image.2>",
    "service: site:live@<image.1>, then site:live@<image.2>",
    "work on work.1: begun 1 times",
    "work on work.2: begun 1 times",
    "artifact work.1: stored 1 times",
    "artifact work.2: stored 1 times",
    "job build image.1: \"<image.1>\"",
    "job build image.2: \"<image.2>\"",
    "job push site:live := <image.1>: \"site:live@<image.1>\"",
    "job push site:live := <image.2>: \"site:live@<image.2>\"",
    "job serve web := site:live@<image.1>: \"web runs site:live@<image.1>\"",
    "job serve web := site:live@<image.2>: \"web runs site:live@<image.2>\"",
    "job collect work.1: \"artifact of work.1\", printed one two three",
    "job collect work.2: \"artifact of work.2\", printed one two three",
];

#[tokio::test(flavor = "multi_thread")]
async fn of_a_build() {
    killed_at_each_point(BUILD, &BUILT).await;
    full_at_each_step(BUILD, &BUILT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_push() {
    killed_at_each_point(PUSH, &PUSHED).await;
    full_at_each_step(PUSH, &PUSHED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_service_that_is_updated() {
    killed_at_each_point(SERVE, &SERVED).await;
    full_at_each_step(SERVE, &SERVED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_run_with_its_log_and_artifact() {
    killed_at_each_point(RUN, &RAN).await;
    full_at_each_step(RUN, &RAN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_build_that_is_asked_for_again() {
    killed_at_each_point(REBUILD, &BUILT_AGAIN).await;
    full_at_each_step(REBUILD, &BUILT_AGAIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_image_that_is_renewed_when_its_time_is_over() {
    killed_at_each_point(REFRESH, &RENEWED).await;
    full_at_each_step(REFRESH, &RENEWED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_each_effect_once() {
    killed_at_each_point(ALL, &DONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_when_it_crashes_while_it_recovers() {
    killed_while_it_recovers(ALL, &DONE).await;
}

/// What it was about is no longer wanted when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn and_nothing_older_after_anything_newer() {
    moved_on_after_each_point(ALL, &DONE).await;
}
