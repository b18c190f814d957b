//! What clients may expect of the registry. `both` holds for Debian's `docker-registry` as well, case by case.

// Says to clippy that helpers are tests too, where a failed `unwrap` is a failed test.
#[cfg(test)]
mod both;
#[cfg(test)]
mod ours;
#[cfg(test)]
mod support;
