//! What people are to see before a part of the pipeline, although it reads nothing of it.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Current, Described, Value, drops};

/// A context, and the one that it stands in.
#[derive(Clone)]
pub(super) struct Context {
    context: Arc<Described>,
    outer: Option<Arc<Context>>,
}

impl Drop for Context {
    fn drop(&mut self) {
        drops::drop_flat(self.outer.take());
    }
}

thread_local! {
    /// Set while a closure of [`within()`] runs, and put back when it ends or panics.
    static HERE: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}

/// What `part` makes. In pictures, what has no inputs of its own in it comes after `context`, and after the contexts that
/// it stands in.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::{labelled, within};
///
/// let config = labelled("config", "ci.toml");
/// let image = within(&config, || labelled("base image", "debian:13"));
/// assert_eq!(value_of(image), Ok("debian:13"));
/// ```
pub fn within<C: Value, R>(context: &Current<C>, part: impl FnOnce() -> R) -> R {
    let outer = here();
    at(&Some(Arc::new(Context { context: context.description().clone(), outer })), part)
}

/// Runs `part` in a context that was kept, and in no other.
pub(super) fn at<R>(here: &Option<Arc<Context>>, part: impl FnOnce() -> R) -> R {
    let _outer = Outer(HERE.replace(here.clone()));
    part()
}

/// Puts back what was there.
struct Outer(Option<Arc<Context>>);

impl Drop for Outer {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}

/// Where the caller is.
pub(super) fn here() -> Option<Arc<Context>> {
    HERE.with_borrow(Clone::clone)
}

/// A context and all that it stands in.
pub(super) fn contexts(mut here: &Option<Arc<Context>>) -> Vec<Arc<Described>> {
    let mut contexts = Vec::new();
    while let Some(context) = here {
        contexts.push(context.context.clone());
        here = &context.outer;
    }
    contexts
}
