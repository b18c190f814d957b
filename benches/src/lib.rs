//! What the engine costs, beside its peers in the same run; and the gates that it must not miss.
//!
//! ```text
//! cargo run --release -p benches                  the scoreboard; fails when a gate is missed
//! cargo run --release -p benches -- --only W3     only the works whose names hold that
//! cargo run --release -p benches -- --markdown    as it stands in a README; --json for machines
//! cargo bench -p benches                          the same works under criterion, and the store and the logs
//! ```
//!
//! `--release` is the profile of the programs (thin LTO). `cargo run --profile bench` adds a single codegen unit.
//!
//! Ratios are what counts: on a busy machine absolute times move by half, ratios of one run much less. So each work's
//! contenders take turns in short rounds, and a ratio is the median of the rounds' own ratios. Each result is checked
//! against a model that computes everything anew.
//!
//! The works, all with `u64` values and, unless they say otherwise, a random leaf each time, so that the machine's
//! caches are no help:
//!
//! | | |
//! |---|---|
//! | W1 | a chain of 1,000, its leaf changes |
//! | W2 | 10,000 leaves and a function of each into one sum, one changes |
//! | W3 | 1,000 repositories of 20 heads of 5 steps each, summed up by repository and over all; one head changes |
//! | W4 | W3 is built, and run for the first time |
//! | W5 | W3 with a change that the first step takes away |
//! | W6 | a keyed list of 1,000 heads of 5 steps each, summed up; one goes, or comes |
//! | W7 | W3 with a change in each repository, propagated once; for each change |
//!
//! `core` is [`ci_core::incr`]. It is told how a sum is undone, as `incremental` is; `core, any fold` is not, and keeps
//! the sum as it keeps any associative function, in O(log n). `whole` is the same work said with
//! [`ci_core::Current`] and done by an engine on its own thread, with outcomes and all that people can be shown, from
//! setting a value to seeing the new status: two wake-ups of a thread are in it.

pub mod engines;
pub mod gates;
pub mod heap;
pub mod machine;
pub mod measure;
pub mod records;
pub mod score;
pub mod shape;
pub mod table;
pub mod work;
